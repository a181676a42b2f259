import { randomIndex } from '../numerics/random.ts';
import type { Rows } from './mmd.ts';

/** Principal components of a reference: what most of its rows lie along. */
export interface PcaModel {
  readonly columns: number;
  readonly mean: readonly number[];
  /** Each column is divided by it; 1 where a column is constant. */
  readonly scale: readonly number[];
  /** Orthonormal directions, largest variance first, one after another: [components, columns]. */
  readonly components: readonly number[];
  /** Variance along each, as shares of the variance of all columns. */
  readonly explained: readonly number[];
}

export interface PcaOptions {
  /** Directions to keep; at most the columns and rows - 1. */
  readonly components: number;
  /** Rounds of the iteration. Default 50. */
  readonly rounds?: number;
  /** Seed of the first directions, 32 bits. Default 1. */
  readonly seed?: number;
}

interface Scaled {
  readonly values: Float64Array;
  readonly mean: Float64Array;
  readonly scale: Float64Array;
}

/** Columns with mean 0 and variance 1. */
function standardised({ values, columns }: Rows, rows: number): Scaled {
  const [mean, scale] = [new Float64Array(columns), new Float64Array(columns)];
  for (let i = 0; i < rows * columns; i += 1) mean[i % columns] = (mean[i % columns] ?? 0) + (values[i] ?? 0);
  for (let k = 0; k < columns; k += 1) mean[k] = (mean[k] ?? 0) / rows;
  for (let i = 0; i < rows * columns; i += 1) {
    const k = i % columns;
    scale[k] = (scale[k] ?? 0) + ((values[i] ?? 0) - (mean[k] ?? 0)) ** 2;
  }
  for (let k = 0; k < columns; k += 1) {
    const spread = Math.sqrt((scale[k] ?? 0) / rows);
    scale[k] = spread > 0 ? spread : 1;
  }
  const scaled = Float64Array.from({ length: rows * columns }, (_, i) => {
    const k = i % columns;
    return ((values[i] ?? 0) - (mean[k] ?? 0)) / (scale[k] ?? 1);
  });
  return { values: scaled, mean, scale };
}

/** Makes the directions orthonormal, in place, twice for accuracy (Gram and Schmidt, modified). */
function orthonormalise(directions: Float64Array, columns: number, count: number): void {
  const dot = (a: number, b: number): number => {
    let sum = 0;
    for (let k = 0; k < columns; k += 1) sum += (directions[a + k] ?? 0) * (directions[b + k] ?? 0);
    return sum;
  };
  for (let c = 0; c < count; c += 1) {
    const at = c * columns;
    for (let pass = 0; pass < 2; pass += 1) {
      for (let other = 0; other < at; other += columns) {
        const along = dot(at, other);
        for (let k = 0; k < columns; k += 1)
          directions[at + k] = (directions[at + k] ?? 0) - along * (directions[other + k] ?? 0);
      }
    }
    const length = Math.sqrt(dot(at, at));
    for (let k = 0; k < columns; k += 1) directions[at + k] = length > 1e-12 ? (directions[at + k] ?? 0) / length : 0;
  }
}

/** directions = (covariance of the rows) × directions; returns the variance along each. */
function multiply(values: Float64Array, columns: number, rows: number, directions: Float64Array): Float64Array {
  const count = directions.length / columns;
  const product = new Float64Array(directions.length);
  const variances = new Float64Array(count);
  for (let i = 0; i < rows; i += 1) {
    const at = i * columns;
    for (let c = 0; c < count; c += 1) {
      const to = c * columns;
      let along = 0;
      for (let k = 0; k < columns; k += 1) along += (values[at + k] ?? 0) * (directions[to + k] ?? 0);
      variances[c] = (variances[c] ?? 0) + (along * along) / rows;
      for (let k = 0; k < columns; k += 1) product[to + k] = (product[to + k] ?? 0) + along * (values[at + k] ?? 0);
    }
  }
  directions.set(product);
  return variances;
}

/**
 * Principal components of the standardised columns of a reference, by orthogonal iteration: the space of the kept ones is right within
 * (λ of the first left out / λ of the last kept)^rounds. O(rounds · rows · columns · components) time, O(rows ·
 * columns) memory.
 *
 * Source: H. Hotelling (1933), Journal of Educational Psychology 24, 417-441; G. H. Golub and C. F. Van Loan (2013), Matrix Computations, section 8.2.4.
 *
 * @example
 * fitPca({ values: Float64Array.of(1, 2, 2, 4, 3, 6), columns: 2 }, { components: 1 }).explained[0].toFixed(6) // → "1.000000"
 */
export function fitPca(reference: Rows, options: PcaOptions): PcaModel {
  const { columns } = reference;
  const rows = Math.floor(reference.values.length / columns);
  const count = Math.max(0, Math.min(options.components, columns, rows - 1));
  const { values, mean, scale } = standardised(reference, rows);
  const random = randomIndex(options.seed ?? 1);
  const directions = Float64Array.from({ length: count * columns }, () => random(2 ** 32) / 2 ** 31 - 1);
  orthonormalise(directions, columns, count);
  for (let round = 0; round < (options.rounds ?? 50); round += 1) {
    multiply(values, columns, rows, directions);
    orthonormalise(directions, columns, count);
  }
  const variances = multiply(values, columns, rows, Float64Array.from(directions));
  const total = values.reduce((sum, value) => sum + value * value, 0) / rows;
  return {
    columns,
    mean: [...mean],
    scale: [...scale],
    components: [...directions],
    explained: Array.from(variances, (variance) => (total === 0 ? 0 : variance / total)),
  };
}

/**
 * Distance of one row from the space of the components, in standard deviations of the columns: how badly the reference's main directions
 * describe it. A number a row, so its drift is judged like that of any numeric field. `at` is the row's place. O(columns · components).
 *
 * Source: J. E. Jackson and G. S. Mudholkar (1979), Control procedures for residuals associated with principal component analysis, Technometrics 21,
 * 341-349.
 *
 * @example
 * pcaResidual(fitPca({ values: Float64Array.of(1, 2, 2, 4, 3, 6), columns: 2 }, { components: 1 }), { values: Float64Array.of(4, 8), columns: 2 }).toFixed(6) // → "0.000000"
 */
export function pcaResidual(model: PcaModel, rows: Rows, at = 0): number {
  const { columns, mean, scale, components } = model;
  const z = Float64Array.from(
    { length: columns },
    (_, k) => ((rows.values[at * columns + k] ?? 0) - (mean[k] ?? 0)) / (scale[k] ?? 1),
  );
  for (let from = 0; from < components.length; from += columns) {
    let along = 0;
    for (let k = 0; k < columns; k += 1) along += (z[k] ?? 0) * (components[from + k] ?? 0);
    for (let k = 0; k < columns; k += 1) z[k] = (z[k] ?? 0) - along * (components[from + k] ?? 0);
  }
  return Math.sqrt(z.reduce((sum, value) => sum + value * value, 0));
}
