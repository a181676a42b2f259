/** The schema languages of the Confluent Schema Registry, by the names of its API. */
export type SchemaType = 'AVRO' | 'JSON' | 'PROTOBUF';

/** A schema that another one refers to by `name`. */
export interface SchemaReference {
  readonly name: string;
  readonly subject: string;
  readonly version: number;
}

/** A schema as the registry gives it. */
export interface RegisteredSchema {
  readonly type: SchemaType;
  readonly schema: string;
  readonly references: readonly SchemaReference[];
}

/** A schema's text with the name that others refer to it by; empty for the schema of a record. */
export interface SchemaText {
  readonly name: string;
  readonly schema: string;
}

/** A schema that is ready to be used. Both functions throw when bytes or fields do not fit. */
export interface CompiledSchema {
  /** `bytes`: what follows the schema id. `header`: what followed it instead, when it came in a header. */
  decode(bytes: Uint8Array, header?: Uint8Array): unknown;
  /** The bytes that follow the schema id. */
  encode(fields: unknown): Uint8Array;
}
