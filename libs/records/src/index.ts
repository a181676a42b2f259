export {
  compileContract,
  compileSource,
  type CheckLimits,
  type ContractCheck,
  type RecordCheck,
} from './check/compile-source.ts';
export { parseTimestamp } from './check/timestamp.ts';
export { reason, type JsonRecord, type Reason, type Verdict } from './check/verdict.ts';
export {
  createDecoder,
  type DecoderLimits,
  type HeaderCarrier,
  type RecordBytes,
  type RecordDecoder,
} from './decoder.ts';
export { createEncoder, type EncodedRecord, type EncoderOptions, type RecordEncoder } from './encoder.ts';
export { createSourceEncoder, type EncodeFields } from './source-encoder.ts';
export { createFieldReader, type FieldReader, type RegistryOf } from './field-reader.ts';
export { createSchemaRegistry, type SchemaRegistry, type SchemaRegistryOptions } from './registry/client.ts';
export { schemaRegistries } from './registry/from-env.ts';
export type { RegisteredSchema, SchemaReference, SchemaType } from './registry/types.ts';
export { sourceFormatOf } from './formats.ts';
export { schemaIdHeader, schemaIdOf } from './wire/schema-id.ts';
