import { toMicro } from './values.ts';
import type { CompiledView, ViewEvent } from './views.ts';

/** Sums of one hop: all events, and per column the events where it is not null and their sum in millionths. */
interface Tile {
  readonly start: number;
  events: number;
  readonly counts: number[];
  readonly sums: number[];
}

interface RawEvent {
  readonly timeMs: number;
  /** Per column, millionths; NaN for null. */
  readonly micros: readonly number[];
}

/**
 * What one source partition says about one entity of an aggregating view: tiles of the longest window, and single events of the
 * last `readBehindMs` for the exact end of a window. A function of the set of events: their order does not matter.
 */
export interface AggregateState {
  readonly kind: 'aggregate';
  /** Offset after the last applied event; what is before it is dropped. */
  nextOffset: number;
  newestMs: number;
  /** Newest event before the oldest kept single event; -Infinity without one. */
  olderNewestMs: number;
  tiles: Tile[];
  raws: RawEvent[];
}

export function newAggregateState(): AggregateState {
  return { kind: 'aggregate', nextOffset: 0, newestMs: -Infinity, olderNewestMs: -Infinity, tiles: [], raws: [] };
}

/** Start of the tile that holds a moment. */
export function tileStart(timeMs: number, hopMs: number): number {
  return Math.floor(timeMs / hopMs) * hopMs;
}

function tileAt(state: AggregateState, start: number, columns: number): Tile {
  let at = state.tiles.length;
  for (let tile = state.tiles[at - 1]; tile !== undefined && tile.start >= start; tile = state.tiles[at - 1]) {
    if (tile.start === start) return tile;
    at -= 1;
  }
  const tile = {
    start,
    events: 0,
    counts: new Array<number>(columns).fill(0),
    sums: new Array<number>(columns).fill(0),
  };
  state.tiles.splice(at, 0, tile);
  return tile;
}

function insertRaw(raws: RawEvent[], event: RawEvent): void {
  let at = raws.length;
  while (at > 0 && (raws[at - 1]?.timeMs ?? -Infinity) > event.timeMs) at -= 1;
  raws.splice(at, 0, event);
}

function evict(view: CompiledView, state: AggregateState): void {
  const rawBound = tileStart(state.newestMs - view.readBehindMs, view.hopMs);
  const keepRaw = state.raws.findIndex((raw) => raw.timeMs >= rawBound);
  if (keepRaw > 0) {
    const last = state.raws[keepRaw - 1];
    if (last !== undefined) state.olderNewestMs = Math.max(state.olderNewestMs, last.timeMs);
    state.raws.splice(0, keepRaw);
  }
  const tileBound = oldestTile(view, state.newestMs);
  const keepTile = state.tiles.findIndex((tile) => tile.start >= tileBound);
  if (keepTile > 0) state.tiles.splice(0, keepTile);
}

function oldestTile(view: CompiledView, newestMs: number): number {
  return tileStart(newestMs - view.readBehindMs - view.longestWindowMs, view.hopMs);
}

/** Adds an event; false when its offset was applied before. Too late events (before every window that can be asked) change nothing. */
export function applyToAggregate(view: CompiledView, state: AggregateState, event: ViewEvent): boolean {
  if (event.offset < state.nextOffset) return false;
  state.nextOffset = event.offset + 1;
  state.newestMs = Math.max(state.newestMs, event.timeMs);
  const micros = event.values.map(toMicro);
  const start = tileStart(event.timeMs, view.hopMs);
  if (start >= oldestTile(view, state.newestMs)) {
    const tile = tileAt(state, start, view.columns.length);
    tile.events += 1;
    micros.forEach((value, column) => {
      if (Number.isNaN(value)) return;
      tile.counts[column] = (tile.counts[column] ?? 0) + 1;
      tile.sums[column] = (tile.sums[column] ?? 0) + value;
    });
  }
  if (event.timeMs >= tileStart(state.newestMs - view.readBehindMs, view.hopMs)) {
    insertRaw(state.raws, { timeMs: event.timeMs, micros });
  } else {
    state.olderNewestMs = Math.max(state.olderNewestMs, event.timeMs);
  }
  evict(view, state);
  return true;
}

/** Layout, little-endian: u8 version 1, u8 kind 1, u16 columns, u32 fingerprint, f64 next offset, f64 newest, f64 older newest, u32 tiles, u32 events. */
export const aggregateHeaderBytes = 40;
export const rowVersion = 1;
export const aggregateKind = 1;

/** Then the tiles by time: f64 start, u32 events, per column u32 count and f64 sum. */
export function tileBytes(columns: number): number {
  return 12 + 12 * columns;
}

/** Then the single events by time: f64 time, per column f64 millionths. */
export function rawBytes(columns: number): number {
  return 8 + 8 * columns;
}

export function encodeAggregate(view: CompiledView, state: AggregateState): Buffer {
  const columns = view.columns.length;
  const size = aggregateHeaderBytes + state.tiles.length * tileBytes(columns) + state.raws.length * rawBytes(columns);
  const buffer = Buffer.allocUnsafe(size);
  const data = new DataView(buffer.buffer, buffer.byteOffset, size);
  data.setUint8(0, rowVersion);
  data.setUint8(1, aggregateKind);
  data.setUint16(2, columns, true);
  data.setUint32(4, view.fingerprint, true);
  data.setFloat64(8, state.nextOffset, true);
  data.setFloat64(16, state.newestMs, true);
  data.setFloat64(24, state.olderNewestMs, true);
  data.setUint32(32, state.tiles.length, true);
  data.setUint32(36, state.raws.length, true);
  let at = aggregateHeaderBytes;
  for (const tile of state.tiles) {
    data.setFloat64(at, tile.start, true);
    data.setUint32(at + 8, tile.events, true);
    at += 12;
    for (let column = 0; column < columns; column++, at += 12) {
      data.setUint32(at, tile.counts[column] ?? 0, true);
      data.setFloat64(at + 4, tile.sums[column] ?? 0, true);
    }
  }
  for (const raw of state.raws) {
    data.setFloat64(at, raw.timeMs, true);
    at += 8;
    for (let column = 0; column < columns; column++, at += 8)
      data.setFloat64(at, raw.micros[column] ?? Number.NaN, true);
  }
  return buffer;
}

/** The bytes as a row of this view; null when they are of another format, kind or definition, or cut. */
export function aggregateData(view: CompiledView, buffer: Buffer): DataView | null {
  if (buffer.length < aggregateHeaderBytes) return null;
  const data = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
  const columns = view.columns.length;
  const matches =
    data.getUint8(0) === rowVersion &&
    data.getUint8(1) === aggregateKind &&
    data.getUint16(2, true) === columns &&
    data.getUint32(4, true) === view.fingerprint &&
    buffer.length ===
      aggregateHeaderBytes +
        data.getUint32(32, true) * tileBytes(columns) +
        data.getUint32(36, true) * rawBytes(columns);
  return matches ? data : null;
}

/** The state that was encoded; null when the bytes are not a row of this view as it is defined now. */
export function decodeAggregate(view: CompiledView, buffer: Buffer): AggregateState | null {
  const data = aggregateData(view, buffer);
  if (data === null) return null;
  const columns = view.columns.length;
  const state = newAggregateState();
  state.nextOffset = data.getFloat64(8, true);
  state.newestMs = data.getFloat64(16, true);
  state.olderNewestMs = data.getFloat64(24, true);
  const tiles = data.getUint32(32, true);
  const raws = data.getUint32(36, true);
  let at = aggregateHeaderBytes;
  for (let index = 0; index < tiles; index++) {
    const tile: Tile = { start: data.getFloat64(at, true), events: data.getUint32(at + 8, true), counts: [], sums: [] };
    at += 12;
    for (let column = 0; column < columns; column++, at += 12) {
      tile.counts.push(data.getUint32(at, true));
      tile.sums.push(data.getFloat64(at + 4, true));
    }
    state.tiles.push(tile);
  }
  for (let index = 0; index < raws; index++) {
    const micros: number[] = [];
    for (let column = 0; column < columns; column++) micros.push(data.getFloat64(at + 8 + column * 8, true));
    state.raws.push({ timeMs: data.getFloat64(at, true), micros });
    at += rawBytes(columns);
  }
  return state;
}
