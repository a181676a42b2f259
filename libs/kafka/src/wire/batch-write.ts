import type { HeadersToWrite } from '../headers.ts';
import { crc32c } from './crc32c.ts';

/** A record to write. */
export interface BatchMessage {
  readonly key?: string | Buffer | null;
  readonly value: string | Buffer | null;
  readonly headers?: HeadersToWrite | undefined;
  /** Epoch milliseconds as text; absent: now. */
  readonly timestamp?: string | undefined;
}

/** Who writes a batch. */
export interface BatchOrigin {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly firstSequence: number;
  readonly isTransactional: boolean;
}

/** Offset, length and what follows up to the records, bytes; `crcFrom` is where what the checksum covers begins. */
const batchHeadBytes = 61;
const crcFrom = 21;
const transactionBit = 0x10;

/** One batch (format 2, not compressed) with all messages, ready to be sent. `nowMs` is the time of messages that have none. */
export function writeBatch(messages: readonly BatchMessage[], origin: BatchOrigin, nowMs: number): Buffer {
  const times = messages.map(({ timestamp }) => (timestamp === undefined ? nowMs : Number(timestamp)));
  const firstMs = times[0] ?? nowMs;
  let lastMs = firstMs;
  let bytes = batchHeadBytes;
  const bodies = messages.map((message, index) => {
    const timeMs = times[index] ?? nowMs;
    if (timeMs > lastMs) lastMs = timeMs;
    const body = 1 + longBytes(timeMs - firstMs) + intBytes(index) + dataBytes(message);
    bytes += intBytes(body) + body;
    return body;
  });
  const batch = Buffer.allocUnsafe(bytes);
  batch.writeBigInt64BE(0n, 0);
  batch.writeInt32BE(bytes - 12, 8);
  batch.writeInt32BE(0, 12);
  batch.writeInt8(2, 16);
  batch.writeInt16BE(origin.isTransactional ? transactionBit : 0, crcFrom);
  batch.writeInt32BE(messages.length - 1, 23);
  batch.writeBigInt64BE(BigInt(firstMs), 27);
  batch.writeBigInt64BE(BigInt(lastMs), 35);
  batch.writeBigInt64BE(origin.producerId, 43);
  batch.writeInt16BE(origin.producerEpoch, 51);
  batch.writeInt32BE(origin.firstSequence, 53);
  batch.writeInt32BE(messages.length, 57);
  const pen = new Pen(batch, batchHeadBytes);
  for (const [index, message] of messages.entries()) {
    pen.int(bodies[index] ?? 0);
    pen.byte(0); // attributes: none are defined
    pen.long((times[index] ?? nowMs) - firstMs);
    pen.int(index);
    pen.data(message.key ?? null);
    pen.data(message.value);
    pen.headers(message.headers);
  }
  batch.writeUInt32BE(crc32c(batch, crcFrom), 17);
  return batch;
}

function dataBytes({ key = null, value, headers }: BatchMessage): number {
  let bytes = fieldBytes(key) + fieldBytes(value);
  let count = 0;
  for (const name in headers) {
    const header = headers[name];
    if (header === undefined) continue;
    const nameBytes = fieldBytes(name);
    if (typeof header === 'string') {
      bytes += nameBytes + fieldBytes(header);
      count += 1;
    } else {
      for (const one of header) bytes += nameBytes + fieldBytes(one);
      count += header.length;
    }
  }
  return bytes + intBytes(count);
}

function fieldBytes(data: string | Buffer | null): number {
  if (data === null) return 1;
  const length = typeof data === 'string' ? Buffer.byteLength(data) : data.length;
  return intBytes(length) + length;
}

/** Length of a 32-bit number of variable length. */
function intBytes(value: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 7;
  let bytes = 1;
  for (; rest !== 0; rest >>>= 7) bytes += 1;
  return bytes;
}

/** Length of a 64-bit number of variable length. */
function longBytes(value: number): number {
  let rest = Math.floor(zigzag(value) / 128);
  let bytes = 1;
  for (; rest !== 0; rest = Math.floor(rest / 128)) bytes += 1;
  return bytes;
}

/** Exact within ±2^52. */
function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

/** Writes numbers of variable length (zigzag, seven bits a byte, lowest first) and what they count. */
class Pen {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  byte(value: number): void {
    this.#bytes[this.#at++] = value;
  }

  int(value: number): void {
    let rest = (value << 1) ^ (value >> 31);
    for (; (rest & ~0x7f) !== 0; rest >>>= 7) this.#bytes[this.#at++] = (rest & 0x7f) | 0x80;
    this.#bytes[this.#at++] = rest;
  }

  long(value: number): void {
    let rest = zigzag(value);
    for (; rest >= 0x80; rest = Math.floor(rest / 128)) this.#bytes[this.#at++] = (rest % 128) | 0x80;
    this.#bytes[this.#at++] = rest;
  }

  data(data: string | Buffer | null): void {
    if (data === null) {
      this.int(-1);
    } else if (typeof data === 'string') {
      this.int(Buffer.byteLength(data));
      this.#at += this.#bytes.write(data, this.#at);
    } else {
      this.int(data.length);
      this.#bytes.set(data, this.#at);
      this.#at += data.length;
    }
  }

  headers(headers: HeadersToWrite | undefined): void {
    const entries = Object.entries(headers ?? {});
    let count = 0;
    for (const [, value] of entries) count += typeof value === 'string' ? 1 : value.length;
    this.int(count);
    for (const [name, value] of entries) {
      for (const one of typeof value === 'string' ? [value] : value) {
        this.data(name);
        this.data(one);
      }
    }
  }
}
