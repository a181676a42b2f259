import { upperGammaRatio } from '../numerics/gamma.ts';
import { randomIndex } from '../numerics/random.ts';

/** Rows of numbers, one after another: [rows, columns]. */
export interface Rows {
  readonly values: Float64Array | Float32Array;
  readonly columns: number;
}

const rowsOf = ({ values, columns }: Rows): number => Math.floor(values.length / columns);

/** Squared Euclidean distance of row i of a and row j of b. */
function squaredDistance(a: Rows, i: number, b: Rows, j: number): number {
  const { columns } = a;
  let sum = 0;
  for (let k = 0; k < columns; k += 1) {
    const difference = (a.values[i * columns + k] ?? 0) - (b.values[j * columns + k] ?? 0);
    sum += difference * difference;
  }
  return sum;
}

/**
 * Median distance of two different rows: the usual bandwidth of `mmdTest`. Take it from the reference once, so that it does not move with the
 * window. Of at most 1,000 rows, evenly spaced; NaN with fewer than two. O(rows² · columns).
 *
 * Source: A. Gretton et al. (2012), A kernel two-sample test, JMLR 13, 723-773, section 8.
 *
 * @example
 * medianDistance({ values: Float64Array.of(0, 1, 3), columns: 1 }) // → 2
 */
export function medianDistance(rows: Rows): number {
  const all = rowsOf(rows);
  const step = Math.max(1, Math.ceil(all / 1000));
  const distances: number[] = [];
  for (let i = 0; i < all; i += step) {
    for (let j = 0; j < i; j += step) distances.push(Math.sqrt(squaredDistance(rows, i, rows, j)));
  }
  return Float64Array.from(distances).sort()[distances.length >> 1] ?? Number.NaN;
}

/** Result of a kernel test. */
export interface MmdResult {
  /** Squared maximum mean discrepancy; around 0 without drift, so also negative. */
  readonly statistic: number;
  readonly pValue: number;
}

export interface MmdOptions {
  /** Bandwidth of the Gaussian kernel, in the unit of the distances: `medianDistance` of the reference. */
  readonly bandwidth: number;
  /** Default 199: the smallest p-value is 1 / (permutations + 1). */
  readonly permutations?: number;
  /** The same seed draws the same permutations, 32 bits. Default 1. */
  readonly seed?: number;
}

/** Kernel of all rows of both, without the diagonal. */
function kernelMatrix(a: Rows, b: Rows, bandwidth: number): Float64Array {
  const [n, m] = [rowsOf(a), rowsOf(b)];
  const all = n + m;
  const matrix = new Float64Array(all * all);
  const scale = -1 / (2 * bandwidth * bandwidth);
  for (let i = 0; i < all; i += 1) {
    for (let j = 0; j < i; j += 1) {
      const distance = squaredDistance(i < n ? a : b, i < n ? i : i - n, j < n ? a : b, j < n ? j : j - n);
      const value = Math.exp(scale * distance);
      matrix[i * all + j] = value;
      matrix[j * all + i] = value;
    }
  }
  return matrix;
}

/** Unbiased statistic when the first `n` of `order` are one sample. */
function discrepancy(matrix: Float64Array, order: Uint32Array, n: number, rowSums: Float64Array): number {
  const all = order.length;
  let [within, ofFirst, ofSecond] = [0, 0, 0];
  for (let i = 0; i < n; i += 1) {
    const at = (order[i] ?? 0) * all;
    ofFirst += rowSums[order[i] ?? 0] ?? 0;
    for (let j = 0; j < n; j += 1) within += matrix[at + (order[j] ?? 0)] ?? 0;
  }
  for (let i = n; i < all; i += 1) ofSecond += rowSums[order[i] ?? 0] ?? 0;
  const cross = ofFirst - within;
  const m = all - n;
  return within / (n * (n - 1)) + (ofSecond - cross) / (m * (m - 1)) - (2 * cross) / (n * m);
}

/**
 * Two-sample test of rows of many columns (embeddings): unbiased squared maximum mean discrepancy under a Gaussian kernel, p-value by
 * permutations, which is exact at any size. For samples (`RowSample`) of up to about 500 rows a side. NaN with fewer than two rows
 * on a side. O((n + m)² · columns + permutations · n²) time, O((n + m)²) memory.
 *
 * Source: A. Gretton et al. (2012), A kernel two-sample test, JMLR 13, 723-773, lemma 6 and section 8; p-value with the observed order counted:
 * B. Phipson and G. K. Smyth (2010), Stat. Appl. Genet. Mol. Biol. 9, 39.
 *
 * @example
 * mmdTest({ values: Float64Array.of(0, 0, 0, 0, 0, 0), columns: 1 }, { values: Float64Array.of(9, 9, 9, 9, 9, 9), columns: 1 }, { bandwidth: 1 }).statistic.toFixed(6) // → "2.000000"
 */
export function mmdTest(a: Rows, b: Rows, options: MmdOptions): MmdResult {
  const [n, m] = [rowsOf(a), rowsOf(b)];
  if (n < 2 || m < 2) return { statistic: Number.NaN, pValue: Number.NaN };
  const all = n + m;
  const matrix = kernelMatrix(a, b, options.bandwidth);
  const rowSums = new Float64Array(all);
  for (let i = 0; i < all; i += 1) {
    for (let j = 0; j < all; j += 1) rowSums[i] = (rowSums[i] ?? 0) + (matrix[i * all + j] ?? 0);
  }
  const order = Uint32Array.from({ length: all }, (_, i) => i);
  const statistic = discrepancy(matrix, order, n, rowSums);
  const random = randomIndex(options.seed ?? 1);
  const permutations = options.permutations ?? 199;
  let reached = 1;
  for (let permutation = 0; permutation < permutations; permutation += 1) {
    for (let i = 0; i < n; i += 1) {
      const j = i + random(all - i);
      const other = order[j] ?? 0;
      order[j] = order[i] ?? 0;
      order[i] = other;
    }
    // Permutations of equal rows differ by rounding only.
    if (discrepancy(matrix, order, n, rowSums) >= statistic - 1e-12) reached += 1;
  }
  return { statistic, pValue: reached / (permutations + 1) };
}

/**
 * The same test in linear time: the mean of independent terms over pairs of rows, which is normal in the limit. Less powerful than `mmdTest` at equal rows, for
 * windows too large for it. Uses as many rows of each side as the smaller has; rows must come in random order. NaN with fewer than
 * eight rows on a side. O(rows · columns), no memory.
 *
 * Source: A. Gretton et al. (2012), JMLR 13, 723-773, lemma 14 and theorem 15.
 *
 * @example
 * mmdLinear({ values: new Float64Array(8), columns: 1 }, { values: new Float64Array(8), columns: 1 }, 1) // → {"statistic":0,"pValue":1}
 */
export function mmdLinear(a: Rows, b: Rows, bandwidth: number): MmdResult {
  const pairs = Math.floor(Math.min(rowsOf(a), rowsOf(b)) / 2);
  if (pairs < 4) return { statistic: Number.NaN, pValue: Number.NaN };
  const scale = -1 / (2 * bandwidth * bandwidth);
  const kernel = (x: Rows, i: number, y: Rows, j: number): number => Math.exp(scale * squaredDistance(x, i, y, j));
  let [mean, squares] = [0, 0];
  for (let pair = 0; pair < pairs; pair += 1) {
    const [i, j] = [2 * pair, 2 * pair + 1];
    const term = kernel(a, i, a, j) + kernel(b, i, b, j) - kernel(a, i, b, j) - kernel(a, j, b, i);
    const distance = term - mean;
    mean += distance / (pair + 1);
    squares += distance * (term - mean);
  }
  const error = Math.sqrt(squares / (pairs - 1) / pairs);
  if (error === 0) return { statistic: mean, pValue: mean > 0 ? 0 : 1 };
  const z = mean / error;
  const tail = upperGammaRatio(0.5, (z * z) / 2) / 2;
  return { statistic: mean, pValue: z > 0 ? tail : 1 - tail };
}
