import type { SourceFormat } from '@everloop/contracts';
import { beginning, parseRecord, type JsonRecord, type Parsed } from './check/parse-record.ts';
import { reason, type BuiltinRule, type Reason } from './check/verdict.ts';
import { schemaEvicted } from './errors.ts';
import { compileSchema, type WireFormat } from './formats.ts';
import { SchemaViolation } from './json-schema/index.ts';
import type { SchemaRegistry } from './registry/client.ts';
import { SchemaCache } from './registry/schema-cache.ts';
import { TooDeep } from './wire/byte-reader.ts';
import {
  schemaIdText,
  unframe,
  type Framed,
  type HeaderCarrier,
  type RecordBytes,
  type SchemaId,
} from './wire/schema-id.ts';

export type { HeaderCarrier, RecordBytes };

/** Bytes to fields, or why they are none. Never throws because of the bytes. */
export type DecodeRecord = (value: Uint8Array | null, headers?: HeaderCarrier) => Parsed;

/** Turns records of one format into plain fields. */
export interface RecordDecoder {
  /**
   * Fetches the schemas that these records need and are not there yet; undefined when all are. Must be awaited before `decode`. Rejects
   * with EVL_RECORDS_REGISTRY_UNREACHABLE (retryable) when the registry cannot be asked: the records are to wait.
   */
  prefetch(records: readonly RecordBytes[]): Promise<void> | undefined;
  readonly decode: DecodeRecord;
}

export interface DecoderLimits {
  /** Longest value, bytes. */
  readonly recordBytesMax: number;
  /** Most schemas kept; default 1,000. */
  readonly schemasMax?: number;
  /** How long an unknown schema id is believed to be unknown, milliseconds; default 30,000. */
  readonly unknownMs?: number;
  /** Pause before an id that was never seen is believed to be unknown, milliseconds; default 300. */
  readonly confirmMs?: number;
}

/** A decoder for a Source's format. `registry` is called, once, for every format but json. */
export function createDecoder(
  format: SourceFormat,
  registry: () => SchemaRegistry,
  limits: DecoderLimits,
): RecordDecoder {
  if (format === 'json')
    return { prefetch: () => undefined, decode: (value) => parseRecord(value, limits.recordBytesMax) };
  return wireDecoder(format, registry(), limits);
}

function wireDecoder(format: WireFormat, registry: SchemaRegistry, limits: DecoderLimits): RecordDecoder {
  const { recordBytesMax, schemasMax = 1_000, unknownMs = 30_000, confirmMs = 300 } = limits;
  const parseJson = (bytes: Uint8Array): JsonRecord => {
    const { record, poison } = parseRecord(bytes, recordBytesMax);
    if (poison !== null) throw new Poison(poison);
    return record;
  };
  const cache = new SchemaCache({
    registry,
    compile: (schema, references) => compileSchema(format, schema, references, parseJson),
    schemasMax,
    unknownMs,
    confirmMs,
    now: () => performance.now(),
  });
  return {
    prefetch(records) {
      const missing = new Map<string, SchemaId>();
      for (const record of records) {
        if (record.value === null || record.value.length > recordBytesMax) continue;
        const framed = unframe(record.value, record);
        if (framed !== null && !cache.isFresh(framed.schemaId))
          missing.set(schemaIdText(framed.schemaId), framed.schemaId);
      }
      return missing.size === 0 ? undefined : cache.load([...missing.values()]);
    },
    decode(value, headers) {
      if (value === null || value.length > recordBytesMax) return parseRecord(value, recordBytesMax);
      const framed = unframe(value, headers);
      return framed === null
        ? poison('no_schema_id', noSchemaId(value), value)
        : decodeFramed(format, cache, framed, value);
    },
  };
}

function decodeFramed(format: WireFormat, cache: SchemaCache, framed: Framed, value: Uint8Array): Parsed {
  const name = schemaIdText(framed.schemaId);
  const cached = cache.get(framed.schemaId);
  if (cached === undefined) throw schemaEvicted(name);
  if (cached.kind === 'unknown') return poison('schema_unknown', `the registry has no schema ${name}`, value);
  if (cached.kind === 'unusable') return poison('schema_unusable', cached.message, value);
  try {
    const fields = cached.schema.decode(framed.body, framed.headerRest);
    if (isRecord(fields)) return { record: fields, poison: null };
    return poison('not_object', `a value of schema ${name} is no record`, value);
  } catch (error) {
    if (error instanceof Poison) return { record: null, poison: error.reason };
    return poison(
      ruleOf(format, error),
      `schema ${name}: ${error instanceof Error ? error.message : String(error)}`,
      value,
    );
  }
}

function ruleOf(format: WireFormat, error: unknown): BuiltinRule {
  if (error instanceof TooDeep) return 'too_deep';
  if (error instanceof SchemaViolation) return 'schema_invalid';
  return format === 'avro' ? 'not_avro' : format === 'protobuf' ? 'not_protobuf' : 'not_json';
}

function noSchemaId(value: Uint8Array): string {
  return value[0] === 0x7b
    ? 'there is no schema id, neither in the header nor before the value; it looks like plain JSON: is format: json meant?'
    : 'there is no schema id, neither in the header __value_schema_id nor before the value';
}

function poison(rule: BuiltinRule, message: string, value: Uint8Array): Parsed {
  return { record: null, poison: reason(rule, '', message, beginning(value)) };
}

function isRecord(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Carries the reason of the JSON parser through a schema's decoder. */
class Poison extends Error {
  readonly reason: Reason;

  constructor(why: Reason) {
    super(why.message);
    this.reason = why;
  }
}
