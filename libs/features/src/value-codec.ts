import type { FeatureScalar } from './values.ts';

/** First byte of a number in a row. */
export const numberTag = 1;

/** A value in a row: u8 0 null; u8 1, f64; u8 2, u32 length, UTF-8. */
export function valueBytes(value: FeatureScalar): number {
  if (value === null) return 1;
  return typeof value === 'number' ? 9 : 5 + Buffer.byteLength(value);
}

/** Writes a value at `at`; gives the position after it. */
export function writeValue(buffer: Buffer, at: number, value: FeatureScalar): number {
  if (value === null) return buffer.writeUInt8(0, at);
  if (typeof value === 'number') {
    buffer.writeUInt8(1, at);
    return buffer.writeDoubleLE(value, at + 1);
  }
  const length = buffer.write(value, at + 5);
  buffer.writeUInt8(2, at);
  buffer.writeUInt32LE(length, at + 1);
  return at + 5 + length;
}

export function readValue(data: DataView, at: number): FeatureScalar {
  const tag = data.getUint8(at);
  if (tag === 0) return null;
  if (tag === 1) return data.getFloat64(at + 1, true);
  return Buffer.from(data.buffer, data.byteOffset + at + 5, data.getUint32(at + 1, true)).toString();
}

/** Position after the value at `at`. */
export function skipValue(data: DataView, at: number): number {
  const tag = data.getUint8(at);
  if (tag === 0) return at + 1;
  return tag === 1 ? at + 9 : at + 5 + data.getUint32(at + 1, true);
}
