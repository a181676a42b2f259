import { fixedBytes, hasVarying, readStored, varyingBytes, writeFixed, writeVarying } from './accumulator-codec.ts';
import { newAggregateState, type AggregateState, type RawEvent, type Tile } from './aggregate-row.ts';
import { storageType, type FeatureScalar } from './values.ts';
import type { CompiledView } from './views.ts';

/**
 * Layout, little-endian: u8 version 2, u8 kind 1, u16 columns, u32 fingerprint, f64 next offset, f64 newest known, f64 newest event time,
 * f64 newest event time of the settled, u32 settled tiles, u32 open tiles, u32 events, u32 zero. Then the settled tiles by start, then
 * the open ones by known start and start, each f64 start, f64 known start, u32 events and the fixed part of each column. Then the
 * events by known, each f64 known, f64 event time, f64 offset, and per column f64 (NaN for null), or for text u32 position
 * of its u32 length and UTF-8 (0 for null). Then everything of varying length.
 */
export const aggregateHeaderBytes = 56;
export const rowVersion = 2;
export const aggregateKind = 1;
export const headerAt = {
  nextOffset: 8,
  newestKnown: 16,
  newest: 24,
  settledNewest: 32,
  settled: 40,
  open: 44,
  raws: 48,
} as const;
const tileHeaderBytes = 20;
const rawHeaderBytes = 24;

/** Sizes and positions within the records of one view; computed once. */
export interface AggregateLayout {
  readonly tileBytes: number;
  readonly rawBytes: number;
  /** Position of each column within a tile and within an event. */
  readonly tileAt: readonly number[];
  readonly rawAt: readonly number[];
  /** Whether each column is text. */
  readonly text: readonly boolean[];
}

const layouts = new WeakMap<CompiledView, AggregateLayout>();

export function layoutOf(view: CompiledView): AggregateLayout {
  const known = layouts.get(view);
  if (known !== undefined) return known;
  let [tileBytes, rawBytes] = [tileHeaderBytes, rawHeaderBytes];
  const [tileAt, rawAt, text]: [number[], number[], boolean[]] = [[], [], []];
  for (const { kept, type } of view.columns) {
    tileAt.push(tileBytes);
    rawAt.push(rawBytes);
    text.push(storageType(type) === 'string');
    tileBytes += fixedBytes(kept);
    rawBytes += storageType(type) === 'string' ? 4 : 8;
  }
  const layout = { tileBytes, rawBytes, tileAt, rawAt, text };
  layouts.set(view, layout);
  return layout;
}

function textBytes(value: FeatureScalar | undefined): number {
  return typeof value === 'string' ? 4 + Buffer.byteLength(value) : 0;
}

function varyingSize(view: CompiledView, tiles: readonly Tile[], raws: readonly RawEvent[]): number {
  let size = 0;
  view.columns.forEach(({ kept }, index) => {
    if (!hasVarying(kept)) return;
    for (const tile of tiles) {
      const sums = tile.columns[index];
      if (sums !== undefined) size += varyingBytes(kept, sums);
    }
  });
  for (const raw of raws) for (const value of raw.values) size += textBytes(value);
  return size;
}

export function encodeAggregate(view: CompiledView, state: AggregateState): Buffer {
  const layout = layoutOf(view);
  const tiles = [...state.settled, ...state.open];
  let at = aggregateHeaderBytes;
  let varyingAt = at + tiles.length * layout.tileBytes + state.raws.length * layout.rawBytes;
  const size = varyingAt + varyingSize(view, tiles, state.raws);
  const buffer = Buffer.allocUnsafe(size);
  const data = new DataView(buffer.buffer, buffer.byteOffset, size);
  data.setUint8(0, rowVersion);
  data.setUint8(1, aggregateKind);
  data.setUint16(2, view.columns.length, true);
  data.setUint32(4, view.fingerprint, true);
  data.setFloat64(headerAt.nextOffset, state.nextOffset, true);
  data.setFloat64(headerAt.newestKnown, state.newestKnownMs, true);
  data.setFloat64(headerAt.newest, state.newestMs, true);
  data.setFloat64(headerAt.settledNewest, state.settledNewestMs, true);
  data.setUint32(headerAt.settled, state.settled.length, true);
  data.setUint32(headerAt.open, state.open.length, true);
  data.setUint32(headerAt.raws, state.raws.length, true);
  data.setUint32(52, 0, true);
  for (const tile of tiles) {
    data.setFloat64(at, tile.start, true);
    data.setFloat64(at + 8, tile.knownStart, true);
    data.setUint32(at + 16, tile.events, true);
    for (let index = 0; index < view.columns.length; index++) {
      const [kept, sums] = [view.columns[index]?.kept, tile.columns[index]];
      if (kept === undefined || sums === undefined) continue;
      writeFixed(kept, sums, data, at + (layout.tileAt[index] ?? 0), varyingAt);
      varyingAt = writeVarying(kept, sums, buffer, varyingAt);
    }
    at += layout.tileBytes;
  }
  for (const raw of state.raws) {
    varyingAt = writeRaw(layout, raw, { buffer, data }, at, varyingAt);
    at += layout.rawBytes;
  }
  return buffer;
}

function writeRaw(
  layout: AggregateLayout,
  raw: RawEvent,
  { buffer, data }: { readonly buffer: Buffer; readonly data: DataView },
  at: number,
  varyingAt: number,
): number {
  data.setFloat64(at, raw.knownMs, true);
  data.setFloat64(at + 8, raw.timeMs, true);
  data.setFloat64(at + 16, raw.offset, true);
  raw.values.forEach((value, index) => {
    const place = at + (layout.rawAt[index] ?? 0);
    if (layout.text[index] !== true) {
      data.setFloat64(place, typeof value === 'number' ? value : Number.NaN, true);
    } else if (typeof value !== 'string') {
      data.setUint32(place, 0, true);
    } else {
      data.setUint32(place, varyingAt, true);
      const length = buffer.write(value, varyingAt + 4);
      data.setUint32(varyingAt, length, true);
      varyingAt += 4 + length;
    }
  });
  return varyingAt;
}

/** The value of a column in the event at `at`. */
export function rawValue(
  layout: AggregateLayout,
  { buffer, data }: { readonly buffer: Buffer; readonly data: DataView },
  at: number,
  column: number,
): FeatureScalar {
  const place = at + (layout.rawAt[column] ?? 0);
  if (layout.text[column] !== true) {
    const value = data.getFloat64(place, true);
    return Number.isNaN(value) ? null : value;
  }
  const position = data.getUint32(place, true);
  if (position === 0) return null;
  return buffer.toString('utf8', position + 4, position + 4 + data.getUint32(position, true));
}

/** The bytes as a row of this view; null when they are of another format, kind or definition, or cut. */
export function aggregateData(view: CompiledView, buffer: Buffer): DataView | null {
  if (buffer.length < aggregateHeaderBytes) return null;
  const data = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
  const matches =
    data.getUint8(0) === rowVersion &&
    data.getUint8(1) === aggregateKind &&
    data.getUint16(2, true) === view.columns.length &&
    data.getUint32(4, true) === view.fingerprint;
  if (!matches) return null;
  const { tileBytes, rawBytes } = layoutOf(view);
  const tiles = data.getUint32(headerAt.settled, true) + data.getUint32(headerAt.open, true);
  const least = aggregateHeaderBytes + tiles * tileBytes + data.getUint32(headerAt.raws, true) * rawBytes;
  return buffer.length >= least ? data : null;
}

/** The state that was encoded; null when the bytes are not a row of this view as it is defined now. */
export function decodeAggregate(view: CompiledView, buffer: Buffer): AggregateState | null {
  const data = aggregateData(view, buffer);
  if (data === null) return null;
  const layout = layoutOf(view);
  const row = { buffer, data, partition: 0 };
  const state = newAggregateState();
  state.nextOffset = data.getFloat64(headerAt.nextOffset, true);
  state.newestKnownMs = data.getFloat64(headerAt.newestKnown, true);
  state.newestMs = data.getFloat64(headerAt.newest, true);
  state.settledNewestMs = data.getFloat64(headerAt.settledNewest, true);
  const settled = data.getUint32(headerAt.settled, true);
  const tiles = settled + data.getUint32(headerAt.open, true);
  let at = aggregateHeaderBytes;
  for (let index = 0; index < tiles; index++, at += layout.tileBytes) {
    const tileAt = at;
    (index < settled ? state.settled : state.open).push({
      start: data.getFloat64(at, true),
      knownStart: data.getFloat64(at + 8, true),
      events: data.getUint32(at + 16, true),
      columns: view.columns.map((column, place) => readStored(column, row, tileAt + (layout.tileAt[place] ?? 0))),
    });
  }
  const raws = data.getUint32(headerAt.raws, true);
  for (let index = 0; index < raws; index++, at += layout.rawBytes) {
    const rawAt = at;
    state.raws.push({
      knownMs: data.getFloat64(at, true),
      timeMs: data.getFloat64(at + 8, true),
      offset: data.getFloat64(at + 16, true),
      values: view.columns.map((_, column) => rawValue(layout, row, rawAt, column)),
    });
  }
  return state;
}
