import { rowVersion } from './aggregate-row.ts';
import { notFound, type ViewReading } from './aggregate-read.ts';
import type { FeatureScalar } from './values.ts';
import type { CompiledView, ViewEvent } from './views.ts';

interface Version {
  readonly timeMs: number;
  readonly offset: number;
  readonly values: readonly FeatureScalar[];
}

/**
 * What one source partition says about one entity of a view of newest values: the versions of the last `readBehindMs` and the
 * newest one before. Ordered by event time, then offset; a function of the set of events.
 */
export interface ColumnState {
  readonly kind: 'columns';
  /** Offset after the last applied event; what is before it is dropped. */
  nextOffset: number;
  versions: Version[];
}

export function newColumnState(): ColumnState {
  return { kind: 'columns', nextOffset: 0, versions: [] };
}

/** Adds an event; false when its offset was applied before. */
export function applyToColumns(view: CompiledView, state: ColumnState, event: ViewEvent): boolean {
  if (event.offset < state.nextOffset) return false;
  state.nextOffset = event.offset + 1;
  const { versions } = state;
  let at = versions.length;
  for (let before = versions[at - 1]; before !== undefined; before = versions[at - 1]) {
    if (before.timeMs < event.timeMs || (before.timeMs === event.timeMs && before.offset < event.offset)) break;
    at -= 1;
  }
  versions.splice(at, 0, { timeMs: event.timeMs, offset: event.offset, values: event.values });
  const bound = (versions.at(-1)?.timeMs ?? 0) - view.readBehindMs;
  const firstKept = versions.findIndex((version) => version.timeMs >= bound);
  if (firstKept > 1) versions.splice(0, firstKept - 1);
  return true;
}

/** Layout, little-endian: u8 version 1, u8 kind 2, u16 columns, u32 fingerprint, f64 next offset, u32 versions, u32 zero. */
const headerBytes = 24;
/** Then per version by time: f64 time, f64 offset, u32 position of its values. */
const indexBytes = 20;
/** Then the values: u8 0 null; u8 1, f64; u8 2, u32 length, UTF-8. */
const columnKind = 2;

function valueBytes(value: FeatureScalar): number {
  if (value === null) return 1;
  return typeof value === 'number' ? 9 : 5 + Buffer.byteLength(value);
}

export function encodeColumns(view: CompiledView, state: ColumnState): Buffer {
  const { versions } = state;
  let size = headerBytes + versions.length * indexBytes;
  for (const version of versions) for (const value of version.values) size += valueBytes(value);
  const buffer = Buffer.allocUnsafe(size);
  buffer.writeUInt8(rowVersion, 0);
  buffer.writeUInt8(columnKind, 1);
  buffer.writeUInt16LE(view.columns.length, 2);
  buffer.writeUInt32LE(view.fingerprint, 4);
  buffer.writeDoubleLE(state.nextOffset, 8);
  buffer.writeUInt32LE(versions.length, 16);
  buffer.writeUInt32LE(0, 20);
  let at = headerBytes + versions.length * indexBytes;
  versions.forEach((version, index) => {
    const entry = headerBytes + index * indexBytes;
    buffer.writeDoubleLE(version.timeMs, entry);
    buffer.writeDoubleLE(version.offset, entry + 8);
    buffer.writeUInt32LE(at, entry + 16);
    for (const value of version.values) at = writeValue(buffer, at, value);
  });
  return buffer;
}

function writeValue(buffer: Buffer, at: number, value: FeatureScalar): number {
  if (value === null) {
    return buffer.writeUInt8(0, at);
  }
  if (typeof value === 'number') {
    buffer.writeUInt8(1, at);
    return buffer.writeDoubleLE(value, at + 1);
  }
  const length = buffer.write(value, at + 5);
  buffer.writeUInt8(2, at);
  buffer.writeUInt32LE(length, at + 1);
  return at + 5 + length;
}

/** Reads the values at `at`; skips those that `wanted` does not name. */
function readValues(
  buffer: Buffer,
  data: DataView,
  at: number,
  columns: number,
  wanted: readonly number[] | null,
): (FeatureScalar | undefined)[] {
  const values: (FeatureScalar | undefined)[] = [];
  for (let column = 0; column < columns; column++) {
    const asked = wanted === null || wanted.includes(column);
    const tag = data.getUint8(at);
    if (tag === 0) {
      values.push(asked ? null : undefined);
      at += 1;
    } else if (tag === 1) {
      values.push(asked ? data.getFloat64(at + 1, true) : undefined);
      at += 9;
    } else {
      const end = at + 5 + data.getUint32(at + 1, true);
      values.push(asked ? buffer.toString('utf8', at + 5, end) : undefined);
      at = end;
    }
  }
  return values;
}

function columnData(view: CompiledView, buffer: Buffer): DataView | null {
  if (buffer.length < headerBytes) return null;
  const data = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
  const matches =
    data.getUint8(0) === rowVersion &&
    data.getUint8(1) === columnKind &&
    data.getUint16(2, true) === view.columns.length &&
    data.getUint32(4, true) === view.fingerprint &&
    buffer.length >= headerBytes + data.getUint32(16, true) * indexBytes;
  return matches ? data : null;
}

/** The state that was encoded; null when the bytes are not a row of this view as it is defined now. */
export function decodeColumns(view: CompiledView, buffer: Buffer): ColumnState | null {
  const data = columnData(view, buffer);
  if (data === null) return null;
  const state = newColumnState();
  state.nextOffset = data.getFloat64(8, true);
  const count = data.getUint32(16, true);
  for (let index = 0; index < count; index++) {
    const entry = headerBytes + index * indexBytes;
    const values = readValues(buffer, data, data.getUint32(entry + 16, true), view.columns.length, null);
    state.versions.push({
      timeMs: data.getFloat64(entry, true),
      offset: data.getFloat64(entry + 8, true),
      values: values.map((value) => value ?? null),
    });
  }
  return state;
}

/**
 * The newest values of one entity as of `asOfMs`, over its rows, one per source partition (null where there is none): the newest
 * event time wins, then the higher partition, then the higher offset. O(versions) of the row.
 */
export function readColumns(
  view: CompiledView,
  rows: readonly (Buffer | null)[],
  asOfMs: number,
  wanted: readonly number[],
): ViewReading {
  let newestMs = -Infinity;
  let best: { readonly row: Buffer; readonly data: DataView; readonly at: number } | null = null;
  for (const row of rows) {
    const data = row === null ? null : columnData(view, row);
    if (row === null || data === null) continue;
    for (let index = data.getUint32(16, true) - 1; index >= 0; index--) {
      const entry = headerBytes + index * indexBytes;
      const timeMs = data.getFloat64(entry, true);
      if (timeMs > asOfMs) continue;
      if (timeMs >= newestMs) {
        newestMs = timeMs;
        best = { row, data, at: data.getUint32(entry + 16, true) };
      }
      break;
    }
  }
  if (best === null) return notFound;
  return { found: true, newestMs, values: readValues(best.row, best.data, best.at, view.columns.length, wanted) };
}
