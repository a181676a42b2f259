import { featurePins, type ModelSpec } from '@everloop/contracts';
import type { GoldenRow } from '@everloop/features';
import type { Packed } from '../src/domain/vector.ts';
import { sources, view } from './fixtures.ts';

/** A model that tells the columns of its input apart. */
export const scoreOf = ({ rows, numeric, categories }: Packed): Float64Array =>
  Float64Array.from({ length: rows }, (_, row) => {
    const [distance = NaN, wind = NaN] = numeric.subarray(row * 2, row * 2 + 2);
    const sum =
      (Number.isNaN(distance) ? 1 : distance) * 2 + (Number.isNaN(wind) ? 3 : wind) + (categories[row]?.length ?? 0);
    return 1 / (1 + Math.exp(-sum / 100));
  });

/** What a trainer would have written for such a model. */
export function goldenRows(ofDistance = (distance: number): number => distance): GoldenRow[] {
  return Array.from({ length: 10 }, (_, row) => {
    const [origin, distance, wind] = ['EWR'.slice(row % 4), row * 10, row % 3 === 0 ? null : row / 7];
    const inputs = [origin, ofDistance(distance), wind];
    const numeric = Float32Array.of(ofDistance(distance), wind ?? NaN);
    const [score = NaN] = scoreOf({ rows: 1, numeric, categories: [origin] });
    const request = { trip: `T${row}`, origin, distance };
    return { timeMs: row, request, features: { 'conditions.wind': wind }, inputs, score };
  });
}

/** Parameters of a version that was trained with the definitions that `served` is served with. */
export function pinsOf(served: ModelSpec): Readonly<Record<string, string>> {
  const definitions = {
    views: new Map([['conditions', view]]),
    sources: new Map(Object.entries(sources)),
    services: new Map(),
  };
  return featurePins(served, definitions);
}
