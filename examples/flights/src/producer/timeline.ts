import type { Tables } from '../data/tables.ts';
import { eventKinds, type EventKind, type FlightEvent } from './events.ts';

/** Rows in the order of a time, equal times in row order. */
export interface Ordering {
  /** Times in ascending order, epoch milliseconds UTC. */
  readonly timesMs: Float64Array;
  readonly rows: Uint32Array;
}

export function orderBy(count: number, timeMs: (row: number) => number): Ordering {
  const times = Float64Array.from({ length: count }, (_, row) => timeMs(row));
  const rows = Uint32Array.from({ length: count }, (_, row) => row);
  rows.sort((a, b) => (times[a] ?? 0) - (times[b] ?? 0) || a - b);
  return { timesMs: Float64Array.from(rows, (row) => times[row] ?? Number.NaN), rows };
}

/** First position whose time is not before `timeMs`. O(log n). */
export function positionOf(ordering: Ordering, timeMs: number): number {
  let low = 0;
  let high = ordering.timesMs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ordering.timesMs[middle] ?? Number.POSITIVE_INFINITY) < timeMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** An event with its place in its topic's time order. */
export interface PlacedEvent {
  readonly event: FlightEvent;
  readonly position: number;
}

/** Everything that happened, to be read by event time. */
export interface Timeline {
  /** Event time of the first and the last event, epoch milliseconds UTC. */
  readonly firstMs: number;
  readonly lastMs: number;
  /** Events with a time in [fromMs, untilMs): topic after topic, each in time order. */
  between(fromMs: number, untilMs: number): Generator<PlacedEvent>;
}

export function createTimeline(tables: Tables, kinds: readonly EventKind[] = eventKinds): Timeline {
  const ordered = kinds.map((kind) => ({
    kind,
    ordering: orderBy(kind.rows(tables), (row) => kind.timeMs(tables, row)),
  }));
  const filled = ordered.filter(({ ordering }) => ordering.rows.length > 0);
  return {
    firstMs: Math.min(...filled.map(({ ordering }) => ordering.timesMs[0] ?? Number.POSITIVE_INFINITY)),
    lastMs: Math.max(...filled.map(({ ordering }) => ordering.timesMs.at(-1) ?? Number.NEGATIVE_INFINITY)),
    *between(fromMs, untilMs) {
      for (const { kind, ordering } of ordered) {
        const end = positionOf(ordering, untilMs);
        for (let position = positionOf(ordering, fromMs); position < end; position++) {
          yield { event: kind.event(tables, ordering.rows[position] ?? 0), position };
        }
      }
    },
  };
}
