import type { RawHeaders } from './bus.ts';

/** Most bytes of one write to one partition; brokers refuse batches over 1,048,588 bytes by default. */
export const chunkBytesMax = 900_000;
/** Most records of one write; the reader's decoder spreads a batch over the stack. */
export const chunkRecordsMax = 5_000;

/** Length, attributes, deltas and the lengths of key, value and headers. */
const recordOverheadBytes = 40;

interface Sized {
  readonly key: string | Buffer | null;
  readonly value: string | Buffer | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly rawHeaders?: RawHeaders | undefined;
}

/** An upper estimate of a record's size in a batch, bytes. O(text length) for text. */
export function recordBytes(record: Sized): number {
  let bytes = recordOverheadBytes + byteLength(record.key) + byteLength(record.value);
  for (const name in record.headers)
    bytes += 10 + Buffer.byteLength(name) + Buffer.byteLength(record.headers[name] ?? '');
  for (const name in record.rawHeaders)
    for (const value of record.rawHeaders[name] ?? []) bytes += 10 + Buffer.byteLength(name) + byteLength(value);
  return bytes;
}

/**
 * How many of `sizes` (bytes), counted from `from`, fit into one write: at least one, so that a record too large for any write
 * meets the broker's own limit alone.
 */
export function chunkLength(sizes: readonly number[], from = 0): number {
  let bytes = 0;
  let count = 0;
  while (from + count < sizes.length && count < chunkRecordsMax) {
    bytes += sizes[from + count] ?? 0;
    if (count > 0 && bytes > chunkBytesMax) break;
    count += 1;
  }
  return count;
}

function byteLength(data: string | Buffer | null): number {
  return data === null ? 0 : typeof data === 'string' ? Buffer.byteLength(data) : data.length;
}
