import { addValue, emptyAccumulator, finishFeature, type Accumulator } from './accumulator.ts';
import { mergeStored } from './accumulator-codec.ts';
import { aggregateData, aggregateHeaderBytes, headerAt, layoutOf, rawValue } from './aggregate-codec.ts';
import { tileStart } from './aggregate-row.ts';
import type { FeatureValue } from './values.ts';
import { keptFor, type CompiledView, type Kept, type ViewColumn, type ViewFeature } from './views.ts';

/** What a view says about one entity as of a moment. `found` false: no event up to then, or a moment further back than rows go. */
export type ViewReading =
  | { readonly found: false }
  | {
      readonly found: true;
      /** Time of the newest event that was known at the moment asked for. */
      readonly newestMs: number;
      /** Per feature of the view; null where there is nothing, undefined where it was not asked for. */
      readonly values: readonly (FeatureValue | undefined)[];
    };

export const notFound: ViewReading = { found: false };

interface Row {
  readonly buffer: Buffer;
  readonly data: DataView;
  readonly partition: number;
}

/** Features of one window, and of each column what they need. */
interface WindowPlan {
  readonly windowMs: number;
  readonly features: readonly { readonly index: number; readonly feature: ViewFeature; readonly slot: number }[];
  readonly columns: readonly { readonly index: number; readonly column: ViewColumn; readonly wanted: Kept }[];
}

const plans = new WeakMap<CompiledView, WeakMap<readonly number[], readonly WindowPlan[]>>();

/** Sorts what is wanted by window, so that the tiles of a window are passed over once. Remembered for the same array. */
function windowPlans(view: CompiledView, wanted: readonly number[]): readonly WindowPlan[] {
  const ofView = plans.get(view) ?? new WeakMap<readonly number[], readonly WindowPlan[]>();
  plans.set(view, ofView);
  const known = ofView.get(wanted);
  if (known !== undefined) return known;
  const asked = wanted.flatMap((index) => {
    const feature = view.features[index];
    return feature === undefined ? [] : [{ index, feature }];
  });
  const windows = [...new Set(asked.map(({ feature }) => feature.windowMs))];
  const made = windows.map((windowMs): WindowPlan => {
    const mine = asked.filter(({ feature }) => feature.windowMs === windowMs);
    const columns = view.columns.flatMap((column, index) => {
      const uses = mine.filter(({ feature }) => feature.column === index).map(({ feature }) => feature);
      if (uses.length === 0) return [];
      // Read with the view's own k: what is left out of a tile's list was older than all that is in it.
      const kept = keptFor(uses);
      return [{ index, column: { ...column, kept }, wanted: kept }];
    });
    const features = mine.map(({ index, feature }) => ({
      index,
      feature,
      slot: columns.findIndex((column) => column.index === feature.column),
    }));
    return { windowMs, features, columns };
  });
  ofView.set(wanted, made);
  return made;
}

/** First index in [0, count) of records of `size` bytes from `at` whose f64 is not below `limit`; `count` if none. */
function firstFrom(data: DataView, at: number, size: number, count: number, limit: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (data.getFloat64(at + middle * size, true) >= limit) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Adds a row's share of a window; gives its number of events. */
function addWindow(
  view: CompiledView,
  row: Row,
  plan: WindowPlan,
  asOfMs: number,
  into: readonly Accumulator[],
): number {
  const { data } = row;
  const layout = layoutOf(view);
  const size = layout.tileBytes;
  const from = tileStart(asOfMs - plan.windowMs, view.hopMs);
  // At or after everything that is known, the open tiles say all.
  const isNow = asOfMs >= data.getFloat64(headerAt.newestKnown, true);
  const head = isNow ? Infinity : tileStart(asOfMs, view.hopMs);
  const settled = data.getUint32(headerAt.settled, true);
  const open = data.getUint32(headerAt.open, true);
  let events = 0;
  const addTile = (at: number): void => {
    events += data.getUint32(at + 16, true);
    for (let slot = 0; slot < into.length; slot++) {
      const [planned, sums] = [plan.columns[slot], into[slot]];
      const kept = planned === undefined ? undefined : view.columns[planned.index]?.kept;
      if (planned === undefined || sums === undefined || kept === undefined) continue;
      mergeStored(kept, planned.wanted, sums, row, at + (layout.tileAt[planned.index] ?? 0));
    }
  };
  for (let index = firstFrom(data, aggregateHeaderBytes, size, settled, from); index < settled; index++)
    addTile(aggregateHeaderBytes + index * size);
  const openAt = aggregateHeaderBytes + settled * size;
  // What happened in the window became known in it too: tiles that were known before have nothing of it.
  for (let index = firstFrom(data, openAt + 8, size, open, from); index < open; index++) {
    const at = openAt + index * size;
    if (data.getFloat64(at + 8, true) >= head) break;
    if (data.getFloat64(at, true) >= from) addTile(at);
  }
  return isNow ? events : events + addHead(view, row, plan, { from, head, asOfMs }, into);
}

/** Adds the single events that became known between the last whole hop and the moment. */
function addHead(
  view: CompiledView,
  row: Row,
  plan: WindowPlan,
  range: { readonly from: number; readonly head: number; readonly asOfMs: number },
  into: readonly Accumulator[],
): number {
  const { data, partition } = row;
  const layout = layoutOf(view);
  const tiles = data.getUint32(headerAt.settled, true) + data.getUint32(headerAt.open, true);
  const start = aggregateHeaderBytes + tiles * layout.tileBytes;
  const count = data.getUint32(headerAt.raws, true);
  let events = 0;
  for (let index = firstFrom(data, start, layout.rawBytes, count, range.head); index < count; index++) {
    const at = start + index * layout.rawBytes;
    const knownMs = data.getFloat64(at, true);
    if (knownMs > range.asOfMs) break;
    const timeMs = data.getFloat64(at + 8, true);
    if (timeMs < range.from) continue;
    events += 1;
    const place = { timeMs, knownMs, partition, offset: data.getFloat64(at + 16, true) };
    for (let slot = 0; slot < into.length; slot++) {
      const [planned, sums] = [plan.columns[slot], into[slot]];
      if (planned !== undefined && sums !== undefined)
        addValue(planned.column, sums, place, rawValue(layout, row, at, planned.index));
    }
  }
  return events;
}

/** Newest event time that was known at `asOfMs` in one row; -Infinity without one. */
function newestUpTo(view: CompiledView, data: DataView, asOfMs: number): number {
  if (asOfMs >= data.getFloat64(headerAt.newestKnown, true)) return data.getFloat64(headerAt.newest, true);
  const { tileBytes, rawBytes } = layoutOf(view);
  const tiles = data.getUint32(headerAt.settled, true) + data.getUint32(headerAt.open, true);
  const raws = data.getUint32(headerAt.raws, true);
  let newestMs = data.getFloat64(headerAt.settledNewest, true);
  let at = aggregateHeaderBytes + tiles * tileBytes;
  for (let index = 0; index < raws && data.getFloat64(at, true) <= asOfMs; index++, at += rawBytes)
    newestMs = Math.max(newestMs, data.getFloat64(at + 8, true));
  return newestMs;
}

/**
 * The aggregates of one entity as of `asOfMs`, merged over its rows, one per source partition in order (null where there is none).
 * The window is [floor((asOf - window) / hop) * hop, asOf], both ends included, of what was known at `asOfMs`. O(tiles of the window).
 */
export function readAggregates(
  view: CompiledView,
  rows: readonly (Buffer | null)[],
  asOfMs: number,
  wanted: readonly number[],
): ViewReading {
  const found: Row[] = [];
  let newestMs = -Infinity;
  for (let partition = 0; partition < rows.length; partition++) {
    const buffer = rows[partition] ?? null;
    const data = buffer === null ? null : aggregateData(view, buffer);
    if (buffer === null || data === null) continue;
    if (asOfMs < data.getFloat64(headerAt.newestKnown, true) - view.readBehindMs) return notFound;
    newestMs = Math.max(newestMs, newestUpTo(view, data, asOfMs));
    found.push({ buffer, data, partition });
  }
  if (newestMs === -Infinity) return notFound;
  const values = new Array<FeatureValue | undefined>(view.features.length).fill(undefined);
  for (const plan of windowPlans(view, wanted)) {
    const sums = plan.columns.map(({ column }) => emptyAccumulator(column));
    let events = 0;
    for (const row of found) events += addWindow(view, row, plan, asOfMs, sums);
    for (const { index, feature, slot } of plan.features) {
      const column = view.columns[feature.column];
      values[index] = finishFeature(feature, column, sums[slot] ?? emptyAccumulator(undefined), events);
    }
  }
  return { found: true, newestMs, values };
}
