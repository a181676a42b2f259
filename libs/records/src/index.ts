export { compileSource, type CheckLimits, type RecordCheck } from './check/compile-source.ts';
export type { JsonRecord } from './check/parse-record.ts';
export { parseTimestamp } from './check/timestamp.ts';
export type { Reason, Verdict } from './check/verdict.ts';
export {
  createDecoder,
  type DecoderLimits,
  type HeaderCarrier,
  type RecordBytes,
  type RecordDecoder,
} from './decoder.ts';
export { createEncoder, type EncodedRecord, type EncoderOptions, type RecordEncoder } from './encoder.ts';
export { createSchemaRegistry, type SchemaRegistry, type SchemaRegistryOptions } from './registry/client.ts';
export { schemaRegistries } from './registry/from-env.ts';
export type { RegisteredSchema, SchemaReference, SchemaType } from './registry/types.ts';
export { schemaIdHeader } from './wire/schema-id.ts';
