import type { Challenger, Route } from './gen/everloop/rollout/v1/rollout.ts';

/** Buckets of the routing draw: weights are whole millionths, so that a propensity is exactly what was drawn. */
export const drawBuckets = 1_000_000;

/** Share of the drawn requests that a challenger takes, [0, 1]. */
export function challengerWeight({ ranges }: Pick<Challenger, 'ranges'>): number {
  return ranges.reduce((width, { from, to }) => width + to - from, 0) / drawBuckets;
}

/** Share of the drawn requests that stays with the champion, [0, 1]. */
export function championWeight({ challengers }: Pick<Route, 'challengers'>): number {
  const taken = challengers.reduce((width, { ranges }) => width + ranges.reduce((w, r) => w + r.to - r.from, 0), 0);
  return (drawBuckets - taken) / drawBuckets;
}
