import type { AggregateFeature } from '@everloop/contracts';

import type { FeatureScalar, FeatureValue } from '../src/index.ts';
import type { LogRecord } from './fixtures.ts';

/** What an event is for the recomputation. */
export type NaiveEvent = Omit<LogRecord, 'sensor'>;

export function knownOf(record: NaiveEvent): number {
  return Math.max(record.at, record.known ?? record.at);
}

/** Newest first: event time, known, partition, offset. */
export function newestFirst(a: NaiveEvent, b: NaiveEvent): number {
  return b.at - a.at || knownOf(b) - knownOf(a) || b.partition - a.partition || b.offset - a.offset;
}

/** 1/256 of a number, and half a unit for rounding to whole millionths. */
export function quantileError(value: number): number {
  return Math.abs(value) / 256 + 1e-6;
}

interface Aggregated {
  readonly exact: FeatureValue | undefined;
  /** Where the function is approximate: the exact value, and how far off it may be. */
  readonly near?: { readonly value: number; readonly within: number };
}

/**
 * An aggregation recomputed from all events, by definition and without tiles: what is known at `asOfMs` with an event time in the window.
 * Sums in whole millionths by bigint.
 */
export function naiveAggregation(
  feature: AggregateFeature,
  hopMs: number,
  records: readonly NaiveEvent[],
  asOfMs: number,
): Aggregated {
  const from = Math.floor((asOfMs - feature.windowMs) / hopMs) * hopMs;
  const events = records.filter((record) => knownOf(record) <= asOfMs && record.at >= from).sort(newestFirst);
  const column = feature.column as 'level' | 'place' | undefined;
  if (column === undefined) return { exact: events.length };
  const values: FeatureScalar[] = events.flatMap((event) => event[column] ?? []);
  const numbers = values.filter((value) => typeof value === 'number');
  const micros = numbers.map((value) => BigInt(Math.floor(value * 1e6 + 0.5)));
  const sum = micros.reduce((total, micro) => total + micro, 0n);
  switch (feature.function) {
    case 'count':
      return { exact: values.length };
    case 'sum':
      return { exact: Number(sum) / 1e6 };
    case 'mean':
      return { exact: numbers.length === 0 ? null : Number(sum) / 1e6 / numbers.length };
    case 'min':
      return { exact: numbers.length === 0 ? null : Math.min(...numbers) };
    case 'max':
      return { exact: numbers.length === 0 ? null : Math.max(...numbers) };
    case 'last':
      return { exact: values[0] ?? null };
    case 'lastK':
      return { exact: values.slice(0, feature.k) };
    case 'approxDistinct':
      // Few values among 2,048 registers: wrong by one now and then, when two share a register.
      return {
        exact: undefined,
        near: { value: new Set<bigint | FeatureScalar>(column === 'level' ? micros : values).size, within: 1 },
      };
    case 'std': {
      if (numbers.length < 2) return { exact: null };
      const n = BigInt(numbers.length);
      const squares = micros.reduce((total, micro) => total + micro * micro, 0n);
      const value = Math.sqrt(Number(n * squares - sum * sum) / Number(n * (n - 1n))) / 1e6;
      return { exact: undefined, near: { value, within: 1e-12 * value + 1e-12 } };
    }
    case 'quantile': {
      if (numbers.length === 0) return { exact: null };
      const sorted = numbers.toSorted((a, b) => a - b);
      const value = sorted[Math.max(1, Math.ceil((feature.quantile ?? 0) * sorted.length)) - 1] ?? 0;
      return { exact: undefined, near: { value, within: quantileError(value) } };
    }
  }
}
