import { aggregateData, aggregateHeaderBytes, rawBytes, tileBytes, tileStart } from './aggregate-row.ts';
import { micro, type FeatureScalar } from './values.ts';
import type { CompiledView, ViewFeature } from './views.ts';

/** What a view says about one entity as of a moment. `found` false: no event up to then, or a moment further back than rows go. */
export type ViewReading =
  | { readonly found: false }
  | {
      readonly found: true;
      /** Time of the newest event up to the moment asked for. */
      readonly newestMs: number;
      /** Per feature of the view; null where there is nothing, undefined where it was not asked for. */
      readonly values: readonly (FeatureScalar | undefined)[];
    };

export const notFound: ViewReading = { found: false };

/** First index in [0, count) of records of `size` bytes from `at` whose leading f64 is above `limit`; `count` if none. */
function firstAbove(data: DataView, at: number, size: number, count: number, limit: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (data.getFloat64(at + middle * size, true) > limit) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Counts and sums of one window, added over the rows of all partitions. */
interface Sums {
  count: number;
  sum: number;
}

function addWindow(view: CompiledView, data: DataView, feature: ViewFeature, asOfMs: number, into: Sums): void {
  const columns = view.columns.length;
  const from = tileStart(asOfMs - feature.windowMs, view.hopMs);
  const head = tileStart(asOfMs, view.hopMs);
  const tiles = data.getUint32(32, true);
  const size = tileBytes(columns);
  const column = feature.column;
  for (let index = firstAbove(data, aggregateHeaderBytes, size, tiles, from - 1); index < tiles; index++) {
    const at = aggregateHeaderBytes + index * size;
    if (data.getFloat64(at, true) >= head) break;
    if (column < 0) {
      into.count += data.getUint32(at + 8, true);
    } else {
      into.count += data.getUint32(at + 12 + column * 12, true);
      into.sum += data.getFloat64(at + 16 + column * 12, true);
    }
  }
  const rawAt = aggregateHeaderBytes + tiles * size;
  const rawSize = rawBytes(columns);
  const raws = data.getUint32(36, true);
  for (let index = firstAbove(data, rawAt, rawSize, raws, head - 1); index < raws; index++) {
    const at = rawAt + index * rawSize;
    if (data.getFloat64(at, true) > asOfMs) break;
    const value = column < 0 ? 0 : data.getFloat64(at + 8 + column * 8, true);
    if (Number.isNaN(value)) continue;
    into.count += 1;
    into.sum += value;
  }
}

/** Newest event up to `asOfMs` in one row; -Infinity without one. */
function newestUpTo(view: CompiledView, data: DataView, asOfMs: number): number {
  const newest = data.getFloat64(16, true);
  if (newest <= asOfMs) return newest;
  const columns = view.columns.length;
  const rawAt = aggregateHeaderBytes + data.getUint32(32, true) * tileBytes(columns);
  const raws = data.getUint32(36, true);
  const after = firstAbove(data, rawAt, rawBytes(columns), raws, asOfMs);
  if (after > 0) return data.getFloat64(rawAt + (after - 1) * rawBytes(columns), true);
  const older = data.getFloat64(24, true);
  return older <= asOfMs ? older : -Infinity;
}

function finish(feature: ViewFeature, sums: Sums): number | null {
  switch (feature.function) {
    case 'count':
      return sums.count;
    case 'sum':
      return sums.sum / micro;
    case 'mean':
      return sums.count === 0 ? null : sums.sum / micro / sums.count;
    case 'newest':
      return null;
  }
}

/**
 * The aggregates of one entity as of `asOfMs`, merged over its rows, one per source partition (null where there is none).
 * The window is [floor((asOf - window) / hop) * hop, asOf], both ends included. O(tiles of the window) per feature.
 */
export function readAggregates(
  view: CompiledView,
  rows: readonly (Buffer | null)[],
  asOfMs: number,
  wanted: readonly number[],
): ViewReading {
  const found: DataView[] = [];
  let newestMs = -Infinity;
  for (const row of rows) {
    const data = row === null ? null : aggregateData(view, row);
    if (data === null) continue;
    if (asOfMs < data.getFloat64(16, true) - view.readBehindMs) return notFound;
    newestMs = Math.max(newestMs, newestUpTo(view, data, asOfMs));
    found.push(data);
  }
  if (newestMs === -Infinity) return notFound;
  const values: (FeatureScalar | undefined)[] = new Array<undefined>(view.features.length).fill(undefined);
  for (const index of wanted) {
    const feature = view.features[index];
    if (feature === undefined) continue;
    const sums = { count: 0, sum: 0 };
    for (const data of found) addWindow(view, data, feature, asOfMs, sums);
    values[index] = finish(feature, sums);
  }
  return { found: true, newestMs, values };
}
