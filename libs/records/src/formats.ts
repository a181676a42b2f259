import type { SourceFormat } from '@everloop/contracts';
import { compileAvro } from './avro/index.ts';
import { depthMax } from './check/parse-record.ts';
import { compileJsonSchema, type ParseJson } from './json-schema/index.ts';
import { compileProtobuf } from './protobuf/index.ts';
import type { CompiledSchema, RegisteredSchema, SchemaText, SchemaType } from './registry/types.ts';

/** A format whose schemas are in a registry. */
export type WireFormat = Exclude<SourceFormat, 'json'>;

export const schemaTypeOf: Readonly<Record<WireFormat, SchemaType>> = {
  avro: 'AVRO',
  'json-schema': 'JSON',
  protobuf: 'PROTOBUF',
};

/** The format whose schemas have a type. */
export function sourceFormatOf(type: SchemaType): WireFormat {
  return type === 'AVRO' ? 'avro' : type === 'JSON' ? 'json-schema' : 'protobuf';
}

/** Compiles a registered schema for a format. Throws when it is of another format or cannot be used. */
export function compileSchema(
  format: WireFormat,
  registered: RegisteredSchema,
  references: readonly SchemaText[],
  parseJson: ParseJson,
): CompiledSchema {
  if (registered.type !== schemaTypeOf[format])
    throw new TypeError(`it is a schema of type ${registered.type}, but the format is ${format}`);
  const schema = { name: '', schema: registered.schema };
  switch (format) {
    case 'avro':
      return compileAvro(schema, references, depthMax);
    case 'json-schema':
      return compileJsonSchema(schema, references, parseJson);
    case 'protobuf':
      return compileProtobuf(schema, references, depthMax);
  }
}
