import type { SourceSpec } from '@everloop/contracts';
import type { JsonRecord } from './check/parse-record.ts';
import { createDecoder, type RecordBytes, type RecordDecoder } from './decoder.ts';
import type { SchemaRegistry } from './registry/client.ts';

/** The registry of a Source, by the address that it names or the environment's. Throws EVL_RECORDS_REGISTRY_INVALID without any. */
export type RegistryOf = (url: string | undefined, format: string) => SchemaRegistry;

/** Reads the fields of records that the validator has let pass. */
export interface FieldReader {
  /** As of `RecordDecoder`. */
  readonly prefetch: RecordDecoder['prefetch'];
  /** Null for what is no record, which cannot have passed the validator. */
  read(record: RecordBytes): JsonRecord | null;
}

/** What passed the validator is bounded by it; the broker's own bound is far below, bytes. */
const validBytesMax = 64 * 1_048_576;

export function createFieldReader(
  { format, schemaRegistry }: Pick<SourceSpec, 'format' | 'schemaRegistry'>,
  registryOf: RegistryOf,
): FieldReader {
  if (format === 'json')
    return { prefetch: () => undefined, read: ({ value }) => (value === null ? null : parse(value)) };
  const decoder = createDecoder(format, () => registryOf(schemaRegistry, format), { recordBytesMax: validBytesMax });
  return {
    prefetch: (records) => decoder.prefetch(records),
    read: (record) => decoder.decode(record.value, record).record,
  };
}

/** Without the checks of `parseRecord`: the bytes were parsed before. */
function parse(value: Uint8Array): JsonRecord | null {
  try {
    const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString();
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? (parsed as JsonRecord) : null;
  } catch {
    return null;
  }
}
