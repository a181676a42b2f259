/** A non-decreasing map from scores to probabilities: linear between its points, constant beyond them. */
export interface IsotonicMap {
  /** Ascending. */
  readonly scores: readonly number[];
  /** Non-decreasing, as many. */
  readonly values: readonly number[];
}

interface Block {
  sum: number;
  weight: number;
  readonly low: number;
  high: number;
}

/** Rows of one score are one point: their mean label and their number. */
function points(scores: ArrayLike<number>, labels: ArrayLike<number>, rows?: ArrayLike<number>): Block[] {
  const order = Uint32Array.from({ length: scores.length }, (_, i) => i)
    .filter((i) => !Number.isNaN(scores[i]) && !Number.isNaN(labels[i]) && (rows?.[i] ?? 1) > 0)
    .sort((a, b) => (scores[a] ?? 0) - (scores[b] ?? 0));
  const blocks: Block[] = [];
  for (const i of order) {
    const [score, weight] = [scores[i] ?? 0, rows?.[i] ?? 1];
    const sum = weight * (labels[i] ?? 0);
    const last = blocks[blocks.length - 1];
    if (last?.high === score) {
      last.sum += sum;
      last.weight += weight;
    } else blocks.push({ sum, weight, low: score, high: score });
  }
  return blocks;
}

/**
 * The non-decreasing map of scores to labels with the least squared error: calibrates scores on rows whose labels are known (fit it on rows
 * that the model was not trained on). With `rows` each element stands for so many, such as counts of score bins. Rows with NaN are left out; without
 * rows the map is empty. O(n log n).
 *
 * Source: R. E. Barlow et al. (1972), Statistical Inference under Order Restrictions (pool adjacent violators); B. Zadrozny and C. Elkan (2002),
 * Transforming classifier scores into accurate multiclass probability estimates, KDD, 694-699.
 *
 * @example
 * isotonicFit([1, 2, 3, 4], [0, 1, 0, 1]) // → {"scores":[1,2,3,4],"values":[0,0.5,0.5,1]}
 */
export function isotonicFit(
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
  rows?: ArrayLike<number>,
): IsotonicMap {
  const pooled: Block[] = [];
  for (const block of points(scores, labels, rows)) {
    let current = block;
    for (let last = pooled[pooled.length - 1]; last !== undefined; last = pooled[pooled.length - 1]) {
      if (last.sum * current.weight < current.sum * last.weight) break;
      const { low } = last;
      current = { low, high: current.high, sum: last.sum + current.sum, weight: last.weight + current.weight };
      pooled.pop();
    }
    pooled.push(current);
  }
  // Both ends of a block: the map is constant on it, and linear between blocks.
  const ends = pooled.flatMap(({ low, high, sum, weight }) =>
    (low === high ? [low] : [low, high]).map((score) => [score, sum / weight] as const),
  );
  return { scores: ends.map(([score]) => score), values: ends.map(([, value]) => value) };
}

/**
 * Value of the map at a score; NaN for NaN and for an empty map. O(log points).
 *
 * Source: linear interpolation, as scikit-learn's IsotonicRegression with `out_of_bounds="clip"`.
 *
 * @example
 * [0, 1.5, 9].map((score) => isotonicValue({ scores: [1, 2], values: [0.2, 0.4] }, score).toFixed(2)) // → ["0.20","0.30","0.40"]
 */
export function isotonicValue({ scores, values }: IsotonicMap, score: number): number {
  if (Number.isNaN(score)) return Number.NaN;
  let low = 0;
  let high = scores.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((scores[middle] ?? Infinity) < score) low = middle + 1;
    else high = middle;
  }
  const above = values[low] ?? values[values.length - 1] ?? Number.NaN;
  const [from, to] = [scores[low - 1], scores[low]];
  if (from === undefined || to === undefined) return above;
  const below = values[low - 1] ?? above;
  return below + (above - below) * ((score - from) / (to - from));
}
