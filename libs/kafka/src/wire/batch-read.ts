import { kafkaError } from '../errors.ts';

/** What all records of a batch share. */
export interface BatchContext {
  readonly firstOffset: bigint;
  readonly lastOffset: bigint;
  readonly firstTimestampMs: number;
  /** Set by the broker for all records at once; null when each has its producer's. */
  readonly appendTimeMs: number | null;
  /** -1 when its producer is not idempotent. */
  readonly producerId: bigint;
  readonly inTransaction: boolean;
  /** The record is a marker that ends a transaction. */
  readonly isControl: boolean;
}

/** Where the headers of a record lie in its batch, and how many they are. */
export interface HeaderBytes {
  readonly bytes: Buffer;
  readonly at: number;
  readonly count: number;
}

/** A record as it lies in its batch: key, value and headers are views of the fetched bytes. */
export class BatchRecord {
  readonly context: BatchContext;
  readonly position: bigint;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headerBytes: HeaderBytes;

  constructor(
    context: BatchContext,
    place: { readonly position: bigint; readonly timestampMs: number },
    data: { readonly key: Buffer | null; readonly value: Buffer | null; readonly headerBytes: HeaderBytes },
  ) {
    this.context = context;
    this.position = place.position;
    this.timestampMs = place.timestampMs;
    this.key = data.key;
    this.value = data.value;
    this.headerBytes = data.headerBytes;
  }
}

/** Offset, length and what follows up to the records: the part of a batch that is never compressed, bytes. */
const batchHeadBytes = 61;
/** What precedes the bytes that the length counts. */
const lengthEnd = 12;
const [compressionBits, logAppendBit, transactionBit, controlBit] = [0x07, 0x08, 0x10, 0x20];

/** Undoes the compression that the number stands for. */
export type Decompress = (codec: number, bytes: Buffer) => Buffer;

/**
 * Reads the batches (format 2) that a broker has sent for one partition; a last one that was cut off is left out. `nextOffset` is one past the
 * last batch, also when compaction has left nothing in it; null when there is no whole batch. Throws when a batch contradicts itself.
 */
export function readBatches(
  bytes: Buffer,
  decompress: Decompress,
): { readonly records: BatchRecord[]; readonly nextOffset: bigint | null } {
  const records: BatchRecord[] = [];
  let nextOffset: bigint | null = null;
  for (let at = 0; at + batchHeadBytes <= bytes.length;) {
    const end = at + lengthEnd + bytes.readInt32BE(at + 8);
    if (end > bytes.length) break;
    if (bytes[at + 16] !== 2 || end < at + batchHeadBytes) throw malformed('it is not of format 2');
    const attributes = bytes.readInt16BE(at + 21);
    const context = readContext(bytes, at, attributes);
    const codec = attributes & compressionBits;
    const packed = bytes.subarray(at + batchHeadBytes, end);
    readRecords(codec === 0 ? packed : decompress(codec, packed), bytes.readInt32BE(at + 57), context, records);
    nextOffset = context.lastOffset + 1n;
    at = end;
  }
  return { records, nextOffset };
}

function readContext(bytes: Buffer, at: number, attributes: number): BatchContext {
  const firstOffset = bytes.readBigInt64BE(at);
  return {
    firstOffset,
    lastOffset: firstOffset + BigInt(bytes.readInt32BE(at + 23)),
    firstTimestampMs: Number(bytes.readBigInt64BE(at + 27)),
    appendTimeMs: (attributes & logAppendBit) === 0 ? null : Number(bytes.readBigInt64BE(at + 35)),
    producerId: bytes.readBigInt64BE(at + 43),
    inTransaction: (attributes & transactionBit) !== 0,
    isControl: (attributes & controlBit) !== 0,
  };
}

function readRecords(bytes: Buffer, count: number, context: BatchContext, records: BatchRecord[]): void {
  const cursor = new Cursor(bytes);
  for (let left = count; left > 0; left -= 1) {
    const length = cursor.int();
    const end = cursor.at + length;
    if (length < 0 || end > bytes.length) throw malformed('a record ends after its batch');
    cursor.at += 1; // attributes: none are defined
    const timestampDelta = cursor.long();
    const position = context.firstOffset + BigInt(cursor.int());
    const key = cursor.bytesOrNull();
    const value = cursor.bytesOrNull();
    const headerCount = cursor.int();
    const headerBytes = { bytes, at: cursor.at, count: headerCount };
    const timestampMs = context.appendTimeMs ?? context.firstTimestampMs + timestampDelta;
    if (cursor.at > end) throw malformed('a record is longer than it says');
    records.push(new BatchRecord(context, { position, timestampMs }, { key, value, headerBytes }));
    cursor.at = end;
  }
}

/** Gives each header to `onHeader`, in order; a value may be null. O(bytes). */
export function readEachHeader(
  { bytes, at, count }: HeaderBytes,
  onHeader: (name: string, value: Buffer | null) => void,
): void {
  if (count <= 0) return;
  const cursor = new Cursor(bytes);
  cursor.at = at;
  for (let left = count; left > 0; left -= 1) {
    const name = cursor.bytesOrNull();
    onHeader(name === null ? '' : name.toString(), cursor.bytesOrNull());
  }
}

/** Reads numbers of variable length (zigzag, seven bits a byte, lowest first). */
class Cursor {
  at = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** 32 bits. */
  int(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#bytes[this.at];
      if (byte === undefined) break;
      this.at += 1;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
    }
    throw malformed('a number does not end');
  }

  /** 64 bits, exact within ±2^52. */
  long(): number {
    let value = 0;
    for (let factor = 1; factor < 2 ** 64; factor *= 128) {
      const byte = this.#bytes[this.at];
      if (byte === undefined) break;
      this.at += 1;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    }
    throw malformed('a number does not end');
  }

  bytesOrNull(): Buffer | null {
    const length = this.int();
    if (length < 0) return null;
    const start = this.at;
    this.at = start + length;
    if (this.at > this.#bytes.length) throw malformed('a field ends after its batch');
    return this.#bytes.subarray(start, this.at);
  }
}

function malformed(why: string): Error {
  return kafkaError('batchMalformed', `the broker sent a batch that cannot be read: ${why}`);
}
