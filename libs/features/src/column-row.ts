import { rowVersion } from './aggregate-codec.ts';
import { notFound, type ViewReading } from './aggregate-read.ts';
import { readValue, skipValue, valueBytes, writeValue } from './value-codec.ts';
import type { FeatureScalar } from './values.ts';
import type { CompiledView, ViewEvent } from './views.ts';

interface Version {
  readonly timeMs: number;
  readonly knownMs: number;
  readonly offset: number;
  readonly values: readonly FeatureScalar[];
}

/**
 * What one source partition says about one entity of a view of newest values: each version that was the newest known one at some
 * moment of the last `readBehindMs`, and the one before. A function of the set of events.
 */
export interface ColumnState {
  readonly kind: 'columns';
  /** Offset after the last applied event; what is before it is dropped. */
  nextOffset: number;
  newestKnownMs: number;
  /** By known; event times, then known, then offsets grow along. */
  versions: Version[];
}

export function newColumnState(): ColumnState {
  return { kind: 'columns', nextOffset: 0, newestKnownMs: -Infinity, versions: [] };
}

/** Whether `a` wins over `b` when both are known; they are of one partition. */
function wins(a: Version, b: Version): boolean {
  if (a.timeMs !== b.timeMs) return a.timeMs > b.timeMs;
  return a.knownMs === b.knownMs ? a.offset > b.offset : a.knownMs > b.knownMs;
}

/** Adds a version unless it never wins, and drops those that it leaves without a moment. */
function insert(versions: Version[], version: Version): void {
  let at = versions.length;
  for (
    let before = versions[at - 1];
    before !== undefined && before.knownMs > version.knownMs;
    before = versions[at - 1]
  )
    at -= 1;
  const before = versions[at - 1];
  if (before !== undefined && !wins(version, before)) return;
  const from = before?.knownMs === version.knownMs ? at - 1 : at;
  let to = at;
  for (let after = versions[to]; after !== undefined && wins(version, after); after = versions[to]) to += 1;
  versions.splice(from, to - from, version);
}

/** Adds an event; false when its offset was applied before. */
export function applyToColumns(view: CompiledView, state: ColumnState, event: ViewEvent): boolean {
  if (event.offset < state.nextOffset) return false;
  state.nextOffset = event.offset + 1;
  state.newestKnownMs = Math.max(state.newestKnownMs, event.knownMs);
  const { timeMs, knownMs, offset, values } = event;
  insert(state.versions, { timeMs, knownMs, offset, values });
  const bound = state.newestKnownMs - view.readBehindMs;
  let last = 0;
  while ((state.versions[last + 1]?.knownMs ?? Infinity) <= bound) last += 1;
  if (last > 0) state.versions.splice(0, last);
  return true;
}

/** Layout, little-endian: u8 version 2, u8 kind 2, u16 columns, u32 fingerprint, f64 next offset, f64 newest known, u32 versions, u32 zero. */
const headerBytes = 32;
const nextOffsetAt = 8;
const newestKnownAt = 16;
const countAt = 24;
/** Then per version by known: f64 known, f64 event time, f64 offset, u32 position of its values. Then the values. */
const indexBytes = 28;
const columnKind = 2;

export function encodeColumns(view: CompiledView, state: ColumnState): Buffer {
  const { versions } = state;
  let size = headerBytes + versions.length * indexBytes;
  for (const version of versions) for (const value of version.values) size += valueBytes(value);
  const buffer = Buffer.allocUnsafe(size);
  buffer.writeUInt8(rowVersion, 0);
  buffer.writeUInt8(columnKind, 1);
  buffer.writeUInt16LE(view.columns.length, 2);
  buffer.writeUInt32LE(view.fingerprint, 4);
  buffer.writeDoubleLE(state.nextOffset, nextOffsetAt);
  buffer.writeDoubleLE(state.newestKnownMs, newestKnownAt);
  buffer.writeUInt32LE(versions.length, countAt);
  buffer.writeUInt32LE(0, countAt + 4);
  let at = headerBytes + versions.length * indexBytes;
  versions.forEach((version, index) => {
    const entry = headerBytes + index * indexBytes;
    buffer.writeDoubleLE(version.knownMs, entry);
    buffer.writeDoubleLE(version.timeMs, entry + 8);
    buffer.writeDoubleLE(version.offset, entry + 16);
    buffer.writeUInt32LE(at, entry + 24);
    for (const value of version.values) at = writeValue(buffer, at, value);
  });
  return buffer;
}

/** Reads the values at `at`; skips those that `wanted`, in ascending order, does not name. */
function readValues(
  data: DataView,
  at: number,
  columns: number,
  wanted: readonly number[],
): (FeatureScalar | undefined)[] {
  const values = new Array<FeatureScalar | undefined>(columns).fill(undefined);
  const last = wanted.at(-1) ?? -1;
  let next = 0;
  for (let column = 0; column <= last; column++) {
    if (wanted[next] === column) {
      values[column] = readValue(data, at);
      next += 1;
    }
    at = skipValue(data, at);
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
    buffer.length >= headerBytes + data.getUint32(countAt, true) * indexBytes;
  return matches ? data : null;
}

/** The state that was encoded; null when the bytes are not a row of this view as it is defined now. */
export function decodeColumns(view: CompiledView, buffer: Buffer): ColumnState | null {
  const data = columnData(view, buffer);
  if (data === null) return null;
  const state = newColumnState();
  state.nextOffset = data.getFloat64(nextOffsetAt, true);
  state.newestKnownMs = data.getFloat64(newestKnownAt, true);
  const count = data.getUint32(countAt, true);
  const all = view.columns.map((_, index) => index);
  for (let index = 0; index < count; index++) {
    const entry = headerBytes + index * indexBytes;
    const values = readValues(data, data.getUint32(entry + 24, true), view.columns.length, all);
    state.versions.push({
      knownMs: data.getFloat64(entry, true),
      timeMs: data.getFloat64(entry + 8, true),
      offset: data.getFloat64(entry + 16, true),
      values: values.map((value) => value ?? null),
    });
  }
  return state;
}

/** One `DataView` for all rows that lie in the same memory, as the rows of one answer of Redis do: making one costs more than reading a row. */
class SharedView {
  #data = new DataView<ArrayBufferLike>(new ArrayBuffer(0));

  of(buffer: Buffer): DataView {
    if (this.#data.buffer !== buffer.buffer) this.#data = new DataView(buffer.buffer);
    return this.#data;
  }
}

/** Finds the newest values of entities; used for one after the other. */
export class ColumnCursor {
  readonly #shared = new SharedView();
  /** Event time of the values that were found, epoch milliseconds. */
  newestMs = -Infinity;
  /** Where the values begin, see `readValue`. */
  data = new DataView<ArrayBufferLike>(new ArrayBuffer(0));
  at = 0;
  #bestKnownMs = -Infinity;

  /** Forgets what was found. */
  begin(): void {
    this.newestMs = -Infinity;
    this.#bestKnownMs = -Infinity;
  }

  get found(): boolean {
    return this.newestMs !== -Infinity;
  }

  /** Looks at one of an entity's rows; false when the entity cannot be answered for `asOfMs` any more. */
  look(view: CompiledView, row: Buffer, asOfMs: number): boolean {
    if (row.length < headerBytes) return true;
    const data = this.#shared.of(row);
    const start = row.byteOffset;
    const count = data.getUint32(start + countAt, true);
    const matches =
      data.getUint8(start) === rowVersion &&
      data.getUint8(start + 1) === columnKind &&
      data.getUint16(start + 2, true) === view.columns.length &&
      data.getUint32(start + 4, true) === view.fingerprint &&
      row.length >= headerBytes + count * indexBytes;
    if (!matches) return true;
    if (asOfMs < data.getFloat64(start + newestKnownAt, true) - view.readBehindMs) return false;
    for (let index = count - 1; index >= 0; index--) {
      const entry = start + headerBytes + index * indexBytes;
      const knownMs = data.getFloat64(entry, true);
      if (!(knownMs <= asOfMs)) continue;
      const timeMs = data.getFloat64(entry + 8, true);
      if (timeMs < this.newestMs || (timeMs === this.newestMs && knownMs < this.#bestKnownMs)) return true;
      this.newestMs = timeMs;
      this.#bestKnownMs = knownMs;
      this.data = data;
      this.at = start + data.getUint32(entry + 24, true);
      return true;
    }
    return true;
  }
}

/**
 * The newest values of one entity known at `asOfMs`, over its rows, one per source partition (null where there is none): the newest
 * event time wins, then the one known later, then the higher partition, then the higher offset. O(versions) of the row.
 */
export function readColumns(
  view: CompiledView,
  rows: readonly (Buffer | null)[],
  asOfMs: number,
  wanted: readonly number[],
): ViewReading {
  const cursor = new ColumnCursor();
  for (const row of rows) if (row !== null && !cursor.look(view, row, asOfMs)) return notFound;
  if (!cursor.found) return notFound;
  const { data, at, newestMs } = cursor;
  return { found: true, newestMs, values: readValues(data, at, view.columns.length, wanted) };
}
