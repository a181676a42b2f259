import { crc32 } from 'node:zlib';
import type { LogStream } from '../../ports.ts';

/** One record of the journal. */
export interface JournalRecord {
  readonly stream: LogStream;
  /** When it was answered, epoch milliseconds. */
  readonly timestampMs: number;
  readonly key: string;
  readonly value: Buffer;
}

export interface Frames {
  readonly records: readonly JournalRecord[];
  /** Bytes of whole frames. */
  readonly bytes: number;
  /** What follows is not a frame, whatever may come after it: a write was cut off. */
  readonly isTorn: boolean;
}

const headerBytes = 8;
/** Bytes of a body before its key. */
const fixedBytes = 11;
const streams: readonly LogStream[] = ['served', 'shadowed', 'decided', 'rewarded'];

/** Largest body of a frame; a longer length can only be damage. */
export const frameBytesMax = 16 * 1024 * 1024;

/** A frame: length of the body (uint32 LE), its CRC-32 (uint32 LE); the body: stream (uint8), time (float64 LE), length of the key (uint16 LE), key, value. */
export function encodeFrame({ stream, timestampMs, key, value }: JournalRecord): Buffer {
  const keyBytes = Buffer.byteLength(key);
  const frame = Buffer.allocUnsafe(headerBytes + fixedBytes + keyBytes + value.length);
  frame.writeUInt8(streams.indexOf(stream), headerBytes);
  frame.writeDoubleLE(timestampMs, headerBytes + 1);
  frame.writeUInt16LE(keyBytes, headerBytes + 9);
  frame.write(key, headerBytes + fixedBytes);
  value.copy(frame, headerBytes + fixedBytes + keyBytes);
  const body = frame.subarray(headerBytes);
  frame.writeUInt32LE(body.length, 0);
  frame.writeUInt32LE(crc32(body), 4);
  return frame;
}

/** The whole frames at the beginning of `bytes`. The records share its memory. */
export function decodeFrames(bytes: Buffer): Frames {
  const records: JournalRecord[] = [];
  let at = 0;
  while (at + headerBytes <= bytes.length) {
    const length = bytes.readUInt32LE(at);
    if (length < fixedBytes || length > frameBytesMax) return { records, bytes: at, isTorn: true };
    const end = at + headerBytes + length;
    if (end > bytes.length) break;
    const record = decodeBody(bytes.subarray(at + headerBytes, end), bytes.readUInt32LE(at + 4));
    if (record === null) return { records, bytes: at, isTorn: true };
    records.push(record);
    at = end;
  }
  return { records, bytes: at, isTorn: false };
}

/** Bytes that the first frame of `bytes` needs; 0 where not even its length is there. */
export function firstFrameBytes(bytes: Buffer): number {
  return bytes.length < headerBytes ? 0 : headerBytes + bytes.readUInt32LE(0);
}

function decodeBody(body: Buffer, crc: number): JournalRecord | null {
  const stream = streams[body.readUInt8(0)];
  const keyEnd = fixedBytes + body.readUInt16LE(9);
  if (stream === undefined || keyEnd > body.length || crc32(body) !== crc) return null;
  const key = body.toString('utf8', fixedBytes, keyEnd);
  return { stream, timestampMs: body.readDoubleLE(1), key, value: body.subarray(keyEnd) };
}
