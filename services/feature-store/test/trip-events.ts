import type { features } from '@everloop/contracts';

import type { Arrival, Trip } from './fixtures.ts';

export interface TripEvents {
  readonly trips: readonly Trip[];
  readonly arrivals: readonly Arrival[];
}

/** A linear congruential generator (Knuth, MMIX constants cut to 32 bits), so that a failure can be repeated. */
export function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Trips and arrivals with times in [fromMs, toMs), the same for the same seed. */
export function eventsOf(seed: number, count: number, fromMs: number, toMs: number): TripEvents {
  const next = random(seed);
  const at = (): number => fromMs + next(toMs - fromMs);
  const vehicle = (): string | null => (next(9) === 0 ? null : `v${next(5)}`);
  const trips = Array.from({ length: count }, (_, index) => ({
    trip: `trip-${seed}-${index}`,
    origin: `o${next(3)}`,
    vehicle: vehicle(),
    seats: next(7) === 0 ? null : next(200),
    miles: next(3_000) / 8,
    leaves: at() + 20,
    at: at(),
  }));
  const arrivals = trips.map(({ trip, origin, vehicle: by }) => ({
    trip,
    origin,
    vehicle: by,
    delay: next(11) === 0 ? null : next(100_000) / 1_000 - 30,
    at: at(),
  }));
  return { trips, arrivals };
}

/** A question about an origin. */
export function originAt(origin: string, asOfMs: number): features.EntityRow[] {
  return [{ asOfMs, request: { origin: { kind: { $case: 'text', value: origin } } } }];
}
