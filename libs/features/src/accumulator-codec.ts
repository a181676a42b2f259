import { addLast, emptyAccumulator, type Accumulator, type LastValue } from './accumulator.ts';
import { addBucket } from './buckets.ts';
import { addRank, registerCount } from './distinct.ts';
import { valueBytes, readValue, skipValue, writeValue } from './value-codec.ts';
import type { Kept, ViewColumn } from './views.ts';

/**
 * An accumulator in a tile has a fixed part: u32 count; with sums f64 high and u32 low; with squares u64 low and u64 high; with a
 * range f64 smallest and f64 largest; with anything of varying length u32 position of it. That part, where it is kept, in
 * this order: last values, u16 number, each f64 event time, f64 known, f64 offset and the value; registers, u16 number, each
 * u16 register and u8 rank, or ffff and a rank for each register; buckets, u32 number, each i32 bucket and u32 count.
 */
export function fixedBytes(kept: Kept): number {
  const sums = kept.sums ? 12 : 0;
  const squares = kept.squares ? 16 : 0;
  const range = kept.range ? 16 : 0;
  return 4 + sums + squares + range + (hasVarying(kept) ? 4 : 0);
}

export function hasVarying(kept: Kept): boolean {
  return kept.last > 0 || kept.distinct || kept.buckets;
}

const lastBytes = 24;
const dense = 0xffff;
/** From here on a rank for each register takes less room. */
const sparseMax = Math.floor(registerCount / 3);
const squaresMax = (1n << 127n) - 1n;
const word = (1n << 64n) - 1n;

export function varyingBytes(kept: Kept, from: Accumulator): number {
  let bytes = 0;
  if (kept.last > 0) {
    bytes += 2;
    for (const { value } of from.last) bytes += lastBytes + valueBytes(value);
  }
  if (kept.distinct) bytes += 2 + (from.registers.size > sparseMax ? registerCount : 3 * from.registers.size);
  if (kept.buckets) bytes += 4 + 8 * from.buckets.size;
  return bytes;
}

/** Writes the fixed part at `at`; `varyingAt` is where the other part goes. */
export function writeFixed(kept: Kept, from: Accumulator, data: DataView, at: number, varyingAt: number): void {
  data.setUint32(at, from.count, true);
  at += 4;
  if (kept.sums) {
    data.setFloat64(at, from.high, true);
    data.setUint32(at + 8, from.low, true);
    at += 12;
  }
  if (kept.squares) {
    const squares = from.squares > squaresMax ? squaresMax : from.squares;
    data.setBigUint64(at, squares & word, true);
    data.setBigUint64(at + 8, squares >> 64n, true);
    at += 16;
  }
  if (kept.range) {
    data.setFloat64(at, from.min, true);
    data.setFloat64(at + 8, from.max, true);
    at += 16;
  }
  if (hasVarying(kept)) data.setUint32(at, varyingAt, true);
}

/** Writes the part of varying length at `at`; resolves with the position after it. */
export function writeVarying(kept: Kept, from: Accumulator, buffer: Buffer, at: number): number {
  if (kept.last > 0) {
    at = buffer.writeUInt16LE(from.last.length, at);
    for (const event of from.last) {
      at = buffer.writeDoubleLE(event.timeMs, at);
      at = buffer.writeDoubleLE(event.knownMs, at);
      at = buffer.writeDoubleLE(event.offset, at);
      at = writeValue(buffer, at, event.value);
    }
  }
  if (kept.distinct) at = writeRegisters(from, buffer, at);
  if (kept.buckets) {
    at = buffer.writeUInt32LE(from.buckets.size, at);
    for (const bucket of [...from.buckets.keys()].sort((a, b) => a - b)) {
      at = buffer.writeInt32LE(bucket, at);
      at = buffer.writeUInt32LE(from.buckets.get(bucket) ?? 0, at);
    }
  }
  return at;
}

function writeRegisters(from: Accumulator, buffer: Buffer, at: number): number {
  const { registers } = from;
  if (registers.size > sparseMax) {
    at = buffer.writeUInt16LE(dense, at);
    for (let register = 0; register < registerCount; register++)
      at = buffer.writeUInt8(registers.get(register) ?? 0, at);
    return at;
  }
  at = buffer.writeUInt16LE(registers.size, at);
  for (const register of [...registers.keys()].sort((a, b) => a - b)) {
    at = buffer.writeUInt16LE(register, at);
    at = buffer.writeUInt8(registers.get(register) ?? 0, at);
  }
  return at;
}

/** Adds what is stored at `at` to `into`, leaving out what `wanted` does not name. `partition`: of the row. */
export function mergeStored(
  kept: Kept,
  wanted: Kept,
  into: Accumulator,
  row: { readonly buffer: Buffer; readonly data: DataView; readonly partition: number },
  at: number,
): void {
  const { data } = row;
  into.count += data.getUint32(at, true);
  at += 4;
  if (kept.sums) {
    into.high += data.getFloat64(at, true);
    into.low += data.getUint32(at + 8, true);
    at += 12;
  }
  if (kept.squares) {
    if (wanted.squares) into.squares += data.getBigUint64(at, true) + (data.getBigUint64(at + 8, true) << 64n);
    at += 16;
  }
  if (kept.range) {
    into.min = Math.min(into.min, data.getFloat64(at, true));
    into.max = Math.max(into.max, data.getFloat64(at + 8, true));
    at += 16;
  }
  if (hasVarying(wanted)) mergeVarying(kept, wanted, into, row, data.getUint32(at, true));
}

function mergeVarying(
  kept: Kept,
  wanted: Kept,
  into: Accumulator,
  row: { readonly buffer: Buffer; readonly data: DataView; readonly partition: number },
  at: number,
): void {
  const { data, partition } = row;
  if (kept.last > 0) {
    const count = data.getUint16(at, true);
    at += 2;
    for (let index = 0; index < count; index++) {
      const valueAt = at + lastBytes;
      if (wanted.last > 0) {
        const event: LastValue = {
          timeMs: data.getFloat64(at, true),
          knownMs: data.getFloat64(at + 8, true),
          partition,
          offset: data.getFloat64(at + 16, true),
          value: readValue(data, valueAt),
        };
        addLast(into.last, wanted.last, event);
      }
      at = skipValue(data, valueAt);
    }
  }
  if (kept.distinct) at = mergeRegisters(wanted.distinct, into, data, at);
  if (kept.buckets && wanted.buckets) {
    const count = data.getUint32(at, true);
    at += 4;
    for (let index = 0; index < count; index++, at += 8)
      addBucket(into.buckets, data.getInt32(at, true), data.getUint32(at + 4, true));
  }
}

function mergeRegisters(wanted: boolean, into: Accumulator, data: DataView, at: number): number {
  const count = data.getUint16(at, true);
  at += 2;
  if (count !== dense) {
    for (let index = 0; wanted && index < count; index++) {
      addRank(into.registers, data.getUint16(at + 3 * index, true), data.getUint8(at + 3 * index + 2));
    }
    return at + 3 * count;
  }
  for (let register = 0; wanted && register < registerCount; register++) {
    const rank = data.getUint8(at + register);
    if (rank > 0) addRank(into.registers, register, rank);
  }
  return at + registerCount;
}

/** The accumulator that is stored at `at`. */
export function readStored(
  column: ViewColumn,
  row: { readonly buffer: Buffer; readonly data: DataView; readonly partition: number },
  at: number,
): Accumulator {
  const into = emptyAccumulator(column);
  mergeStored(column.kept, column.kept, into, row, at);
  return into;
}
