import { addValue, emptyAccumulator, mergeAccumulator, type Accumulator } from './accumulator.ts';
import type { FeatureScalar } from './values.ts';
import type { CompiledView, ViewEvent } from './views.ts';

/** What the events of one hop of event time say; of an open tile also of one hop of the time at which they became known. */
export interface Tile {
  readonly start: number;
  /** -Infinity: settled. */
  readonly knownStart: number;
  events: number;
  /** Parallel to the view's columns. */
  readonly columns: readonly Accumulator[];
}

export interface RawEvent {
  readonly knownMs: number;
  readonly timeMs: number;
  readonly offset: number;
  readonly values: readonly FeatureScalar[];
}

/**
 * What one source partition says about one entity of an aggregating view. Events are settled when every read that is still allowed sees
 * them: what became known before the hop of `newestKnownMs - readBehind`. Settled events are in tiles by event time; the others in tiles
 * by event time and by when they became known, and also one by one, for the exact end. A function of the set of events.
 */
export interface AggregateState {
  readonly kind: 'aggregate';
  /** Offset after the last applied event; what is before it is dropped. */
  nextOffset: number;
  newestKnownMs: number;
  /** Newest event time of all, and of the settled events; -Infinity without one. */
  newestMs: number;
  settledNewestMs: number;
  /** By start. */
  settled: Tile[];
  /** By the start of known, then start. */
  open: Tile[];
  /** By known, then event time, then offset. */
  raws: RawEvent[];
}

export function newAggregateState(): AggregateState {
  return {
    kind: 'aggregate',
    nextOffset: 0,
    newestKnownMs: -Infinity,
    newestMs: -Infinity,
    settledNewestMs: -Infinity,
    settled: [],
    open: [],
    raws: [],
  };
}

/** Start of the tile that holds a moment. */
export function tileStart(timeMs: number, hopMs: number): number {
  return Math.floor(timeMs / hopMs) * hopMs;
}

/** What became known before this is settled. */
function settledBefore(view: CompiledView, newestKnownMs: number): number {
  return tileStart(newestKnownMs - view.readBehindMs, view.hopMs);
}

/** Start of the oldest tile that a read may still ask for. */
function oldestTile(view: CompiledView, newestKnownMs: number): number {
  return tileStart(newestKnownMs - view.readBehindMs - view.longestWindowMs, view.hopMs);
}

function tileAt(view: CompiledView, tiles: Tile[], knownStart: number, start: number): Tile {
  let at = tiles.length;
  for (let tile = tiles[at - 1]; tile !== undefined; tile = tiles[at - 1]) {
    if (tile.knownStart < knownStart || (tile.knownStart === knownStart && tile.start < start)) break;
    if (tile.knownStart === knownStart && tile.start === start) return tile;
    at -= 1;
  }
  const tile = { start, knownStart, events: 0, columns: view.columns.map(emptyAccumulator) };
  tiles.splice(at, 0, tile);
  return tile;
}

function addToTile(view: CompiledView, tile: Tile, event: ViewEvent): void {
  tile.events += 1;
  const place = { timeMs: event.timeMs, knownMs: event.knownMs, partition: 0, offset: event.offset };
  view.columns.forEach((column, index) => {
    const into = tile.columns[index];
    if (into !== undefined) addValue(column, into, place, event.values[index] ?? null);
  });
}

function mergeTile(view: CompiledView, into: Tile, from: Tile): void {
  into.events += from.events;
  view.columns.forEach((column, index) => {
    const [sums, more] = [into.columns[index], from.columns[index]];
    if (sums !== undefined && more !== undefined) mergeAccumulator(column, sums, more);
  });
}

function insertRaw(raws: RawEvent[], event: RawEvent): void {
  let at = raws.length;
  for (let before = raws[at - 1]; before !== undefined; before = raws[at - 1]) {
    if (before.knownMs !== event.knownMs ? before.knownMs < event.knownMs : before.timeMs <= event.timeMs) break;
    at -= 1;
  }
  raws.splice(at, 0, event);
}

/** Settles and drops what `newestKnownMs` has moved past. */
function advance(view: CompiledView, state: AggregateState): void {
  const bound = settledBefore(view, state.newestKnownMs);
  const oldest = oldestTile(view, state.newestKnownMs);
  const openFrom = state.open.findIndex((tile) => tile.knownStart >= bound);
  for (const tile of state.open.splice(0, openFrom < 0 ? state.open.length : openFrom)) {
    if (tile.start >= oldest) mergeTile(view, tileAt(view, state.settled, -Infinity, tile.start), tile);
  }
  const rawFrom = state.raws.findIndex((raw) => raw.knownMs >= bound);
  for (const raw of state.raws.splice(0, rawFrom < 0 ? state.raws.length : rawFrom))
    state.settledNewestMs = Math.max(state.settledNewestMs, raw.timeMs);
  const settledFrom = state.settled.findIndex((tile) => tile.start >= oldest);
  if (settledFrom !== 0) state.settled.splice(0, settledFrom < 0 ? state.settled.length : settledFrom);
  if (state.open.some((tile) => tile.start < oldest)) state.open = state.open.filter((tile) => tile.start >= oldest);
}

/** Adds an event; false when its offset was applied before. However late an event comes, every read that is still allowed counts it. */
export function applyToAggregate(view: CompiledView, state: AggregateState, event: ViewEvent): boolean {
  if (event.offset < state.nextOffset) return false;
  state.nextOffset = event.offset + 1;
  state.newestMs = Math.max(state.newestMs, event.timeMs);
  const isNewest = event.knownMs > state.newestKnownMs;
  if (isNewest) state.newestKnownMs = event.knownMs;
  const isSettled = event.knownMs < settledBefore(view, state.newestKnownMs);
  const start = tileStart(event.timeMs, view.hopMs);
  if (start >= oldestTile(view, state.newestKnownMs)) {
    const knownStart = isSettled ? -Infinity : tileStart(event.knownMs, view.hopMs);
    addToTile(view, tileAt(view, isSettled ? state.settled : state.open, knownStart, start), event);
  }
  if (isSettled) state.settledNewestMs = Math.max(state.settledNewestMs, event.timeMs);
  else {
    const { knownMs, timeMs, offset, values } = event;
    insertRaw(state.raws, { knownMs, timeMs, offset, values });
  }
  if (isNewest) advance(view, state);
  return true;
}
