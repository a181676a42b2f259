import type { AskCounts } from '../client/ask.ts';

/** What one topic was given. */
export interface ProducedCounts {
  /** Everything but markers, broken ones included. */
  readonly records: number;
  readonly broken: number;
  /** Markers, over all partitions. */
  readonly markers: number;
}

/** What a replay did; the report compares it with what the loop has. */
export interface ReplayCounts {
  /** False when the replay ended before its time. */
  readonly complete: boolean;
  /** Event time covered, [fromMs, untilMs), epoch milliseconds UTC. */
  readonly fromMs: number;
  readonly untilMs: number;
  readonly steps: number;
  /** Steps in which no flight was asked about because no model was ready. */
  readonly stepsWithoutModel: number;
  readonly produced: Readonly<Record<string, ProducedCounts>>;
  readonly predictions: AskCounts;
  readonly wallSeconds: number;
}

export function addProduced(a: ProducedCounts | undefined, b: ProducedCounts): ProducedCounts {
  return {
    records: (a?.records ?? 0) + b.records,
    broken: (a?.broken ?? 0) + b.broken,
    markers: (a?.markers ?? 0) + b.markers,
  };
}
