import type { drift, MonitorSpec } from '@everloop/contracts';

const significances = [0.05, 0.01, 0.001];
const floors = [0, 0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3];
const raises = [
  { windows: 1, of: 1 },
  { windows: 2, of: 2 },
  { windows: 2, of: 3 },
  { windows: 3, of: 5 },
  { windows: 4, of: 6 },
];

function unique<T>(values: readonly T[]): readonly T[] {
  return [...new Map(values.map((value) => [JSON.stringify(value), value])).values()];
}

/** A policy that might be kept to. */
export type Candidate = Omit<drift.DriftPolicy, 'planId'>;

/** Levels that are tried: those of a Monitor with a budget, else its own alone. */
export function significancesOf(spec: MonitorSpec): readonly number[] {
  return spec.budget === undefined ? [spec.significance] : unique([spec.significance, ...significances]);
}

/**
 * Policies that are tried, the Monitor's own first; without a budget that one alone. What a Monitor says of the score is tried up to four
 * times as high; one that does not go by its score still does not.
 */
export function candidatesOf(spec: MonitorSpec): readonly Candidate[] {
  const { minDriftedFields, score, raise } = spec;
  const isOpen = spec.budget !== undefined;
  const scores = score === 0 || !isOpen ? [score] : [score, 2 * score, 4 * score];
  const of = (significance: number, psi: number, limit: number, by: MonitorSpec['raise']): Candidate => {
    const { windows: raiseWindows, of: raiseOf } = by;
    return { significance, psi, score: limit, minDriftedFields, raiseWindows, raiseOf };
  };
  return significancesOf(spec).flatMap((significance) =>
    (isOpen ? unique([spec.psi, ...floors]) : [spec.psi]).flatMap((psi) =>
      scores.flatMap((limit) =>
        (isOpen ? unique([raise, ...raises]) : [raise]).map((by) => of(significance, psi, limit, by)),
      ),
    ),
  );
}
