import { addBucket, bucketOf, bucketQuantile, type Buckets } from './buckets.ts';
import { addDistinct, addRank, estimateDistinct, type Registers } from './distinct.ts';
import { addExact, carry, exactToDouble, sampleDeviation, type ExactSum } from './exact.ts';
import { toUnits, unitsPerOne, type FeatureScalar, type FeatureValue } from './values.ts';
import type { ViewColumn, ViewFeature } from './views.ts';

/** An event with a value, in the order of `isNewer`. */
export interface LastValue {
  readonly timeMs: number;
  readonly knownMs: number;
  readonly partition: number;
  readonly offset: number;
  readonly value: FeatureScalar;
}

/** What some events say about one column, in a form that can be added up in any order. Only what the view keeps is filled. */
export interface Accumulator extends ExactSum {
  /** Values that are not null and fit; see `toUnits`. */
  count: number;
  /** Sum of squares, units squared. */
  squares: bigint;
  min: number;
  max: number;
  /** Newest first, at most as many as the view keeps. */
  readonly last: LastValue[];
  readonly registers: Registers;
  readonly buckets: Buckets;
}

const noRegisters: Registers = new Map();
const noBuckets: Buckets = new Map();
const noLast: LastValue[] = [];

/** Nothing, for a column; -1 events only. */
export function emptyAccumulator(column: ViewColumn | undefined): Accumulator {
  const kept = column?.kept;
  return {
    count: 0,
    high: 0,
    low: 0,
    squares: 0n,
    min: Infinity,
    max: -Infinity,
    last: kept !== undefined && kept.last > 0 ? [] : noLast,
    registers: kept?.distinct === true ? new Map<number, number>() : noRegisters,
    buckets: kept?.buckets === true ? new Map<number, number>() : noBuckets,
  };
}

type Place = Pick<LastValue, 'timeMs' | 'knownMs' | 'partition' | 'offset'>;

/** Whether `a` counts as newer: later event time, then known later, then the higher partition, then the higher offset. */
export function isNewer(a: Place, b: Place): boolean {
  if (a.timeMs !== b.timeMs) return a.timeMs > b.timeMs;
  if (a.knownMs !== b.knownMs) return a.knownMs > b.knownMs;
  if (a.partition !== b.partition) return a.partition > b.partition;
  return a.offset > b.offset;
}

/** Puts an event among the newest `most`. O(most). */
export function addLast(last: LastValue[], most: number, event: LastValue): void {
  let at = last.length;
  for (let before = last[at - 1]; before !== undefined && isNewer(event, before); before = last[at - 1]) at -= 1;
  if (at >= most) return;
  last.splice(at, 0, event);
  if (last.length > most) last.pop();
}

/** Text under which a value is counted as distinct: numbers by their units. */
function distinctText(value: string | number, units: number): string {
  return typeof value === 'string' ? value : String(units);
}

/** Adds one event's value; null and what does not fit change nothing, save that `last` takes any number. */
export function addValue(column: ViewColumn, into: Accumulator, place: Place, value: FeatureScalar): void {
  if (value === null) return;
  const { kept } = column;
  if (kept.last > 0) addLast(into.last, kept.last, { ...place, value });
  const units = typeof value === 'number' ? toUnits(value, unitsPerOne(column.type)) : 0;
  if (Number.isNaN(units)) return;
  into.count += 1;
  if (kept.distinct) addDistinct(into.registers, distinctText(value, units));
  if (typeof value === 'string') return;
  if (kept.sums) addExact(into, units);
  if (kept.squares) into.squares += BigInt(units) * BigInt(units);
  if (kept.range && value < into.min) into.min = value;
  if (kept.range && value > into.max) into.max = value;
  if (kept.buckets) addBucket(into.buckets, bucketOf(units), 1);
}

/** Adds all that `from` holds. */
export function mergeAccumulator(column: ViewColumn, into: Accumulator, from: Accumulator): void {
  into.count += from.count;
  into.high += from.high;
  into.low += from.low;
  carry(into);
  into.squares += from.squares;
  into.min = Math.min(into.min, from.min);
  into.max = Math.max(into.max, from.max);
  for (const event of from.last) addLast(into.last, column.kept.last, event);
  for (const [register, rank] of from.registers) addRank(into.registers, register, rank);
  for (const [bucket, count] of from.buckets) addBucket(into.buckets, bucket, count);
}

/** The value of an aggregation from what its window holds. `events`: all events of the window. */
export function finishFeature(
  feature: ViewFeature,
  column: ViewColumn | undefined,
  sums: Accumulator,
  events: number,
): FeatureValue {
  const scale = column === undefined ? 1 : unitsPerOne(column.type);
  switch (feature.function) {
    case 'count':
      return feature.column < 0 ? events : sums.count;
    case 'sum':
      return exactToDouble(sums) / scale;
    case 'mean':
      return sums.count === 0 ? null : exactToDouble(sums) / scale / sums.count;
    case 'min':
      return sums.count === 0 ? null : sums.min;
    case 'max':
      return sums.count === 0 ? null : sums.max;
    case 'std': {
      const deviation = sampleDeviation(sums.count, sums, sums.squares);
      return deviation === null ? null : deviation / scale;
    }
    case 'last':
      return sums.last[0]?.value ?? null;
    case 'lastK':
      return sums.last.slice(0, feature.k).map(({ value }) => value);
    case 'approxDistinct':
      return estimateDistinct(sums.registers);
    case 'quantile': {
      const middle = bucketQuantile(sums.buckets, feature.quantile);
      return middle === null ? null : middle / scale;
    }
    case 'newest':
      return null;
  }
}
