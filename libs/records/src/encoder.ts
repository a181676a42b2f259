import { compileSchema, schemaTypeOf, type WireFormat } from './formats.ts';
import type { SchemaRegistry } from './registry/client.ts';
import type { SchemaReference } from './registry/types.ts';
import { schemaIdBytes, schemaIdHeader, type SchemaId } from './wire/schema-id.ts';

/** Fields as the value of a record, with the header that names its schema when that is where the id goes. */
export interface EncodedRecord {
  readonly value: Buffer;
  readonly rawHeaders?: Readonly<Record<string, readonly Buffer[]>>;
}

export interface RecordEncoder {
  readonly schemaId: SchemaId;
  /** Throws when the fields do not fit the schema. */
  encode(fields: unknown): EncodedRecord;
}

export interface EncoderOptions {
  readonly format: WireFormat;
  readonly registry: SchemaRegistry;
  /** Subject under which the schema is registered, `<topic>-value` by convention. */
  readonly subject: string;
  readonly schema: string;
  readonly references?: readonly SchemaReference[];
  /** Where the schema id goes; default before the value. */
  readonly placement?: 'value' | 'header';
  /** Instead of the id that the registry gives: the schema's GUID. */
  readonly guid?: string;
}

/** Registers a schema and gives an encoder of its first message or its value. Rejects when the registry refuses it. */
export async function createEncoder(options: EncoderOptions): Promise<RecordEncoder> {
  const { format, registry, subject, schema, references = [], placement = 'value', guid } = options;
  const registered = { type: schemaTypeOf[format], schema, references };
  const id = await registry.register(subject, registered);
  const texts = references.length === 0 ? [] : ((await registry.references(registered)) ?? []);
  const compiled = compileSchema(
    format,
    registered,
    texts,
    (bytes) => JSON.parse(Buffer.from(bytes).toString()) as unknown,
  );
  const schemaId: SchemaId = guid === undefined ? { kind: 'id', id } : { kind: 'guid', guid };
  const prefix = schemaIdBytes(schemaId);
  return {
    schemaId,
    encode(fields) {
      const body = Buffer.from(compiled.encode(fields));
      if (placement === 'value') return { value: Buffer.concat([prefix, body]) };
      // The indexes of Protobuf stay with the id; a single 0 stands for the first message.
      const isProtobuf = format === 'protobuf';
      const header = isProtobuf ? Buffer.concat([prefix, body.subarray(0, 1)]) : prefix;
      return { value: isProtobuf ? body.subarray(1) : body, rawHeaders: { [schemaIdHeader]: [header] } };
    },
  };
}
