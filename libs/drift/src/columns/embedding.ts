import type { drift } from '@everloop/contracts';
import { pcaResidual } from '@everloop/stats';

function norm(values: Float64Array): number {
  let squares = 0;
  for (const value of values) squares += value * value;
  return Math.sqrt(squares);
}

/**
 * What a measure makes of an embedding; NaN where one of its numbers is missing. O(inputs × directions).
 *
 * Source: place along a principal component and distance from the plane of all of them: J. E. Jackson and G. S. Mudholkar (1979), Technometrics 21,
 * 341-349.
 *
 * @example
 * embeddingReader(drift.Measure.fromPartial({ inputs: ['x', 'y'], kind: 'norm' }))(Float64Array.of(3, 4)) // → 5
 */
export function embeddingReader(measure: drift.Measure): (values: Float64Array) => number {
  const { kind, centre, spread, directions } = measure;
  if (kind === 'norm') return norm;
  if (kind === 'component') {
    return (values) => {
      let along = 0;
      for (let k = 0; k < values.length; k += 1)
        along += (((values[k] ?? Number.NaN) - (centre[k] ?? 0)) / (spread[k] ?? 1)) * (directions[k] ?? 0);
      return along;
    };
  }
  const columns = measure.inputs.length;
  const model = { columns, mean: centre, scale: spread, components: directions, explained: [] };
  return (values) => (values.every(Number.isFinite) ? pcaResidual(model, { values, columns }) : Number.NaN);
}
