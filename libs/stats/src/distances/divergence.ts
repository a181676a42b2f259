function total(counts: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < counts.length; i += 1) sum += counts[i] ?? 0;
  return sum;
}

export interface JensenShannonOptions {
  /** Base of the logarithm: 2 makes the distance at most 1, e (default) at most √ln 2. */
  readonly base?: number;
}

/**
 * Jensen-Shannon distance of two rows of counts (or of shares) over the same bins: the square root of the mean of the two Kullback-Leibler
 * divergences from the middle of both. A metric, finite where bins are empty. NaN when a side is empty. O(bins).
 *
 * Source: J. Lin (1991), IEEE Trans. Inf. Theory 37, 145-151; D. M. Endres and J. E. Schindelin (2003), ibid. 49, 1858-1860.
 *
 * @example
 * jensenShannon([1, 0], [0, 1], { base: 2 }) // → 1
 */
export function jensenShannon(
  reference: ArrayLike<number>,
  current: ArrayLike<number>,
  options: JensenShannonOptions = {},
): number {
  const n = total(reference);
  const m = total(current);
  if (n === 0 || m === 0) return Number.NaN;
  let sum = 0;
  for (let i = 0; i < reference.length; i += 1) {
    const p = (reference[i] ?? 0) / n;
    const q = (current[i] ?? 0) / m;
    const middle = (p + q) / 2;
    if (p > 0) sum += p * Math.log(p / middle);
    if (q > 0) sum += q * Math.log(q / middle);
  }
  const divergence = Math.max(0, sum / 2);
  return Math.sqrt(options.base === undefined ? divergence : divergence / Math.log(options.base));
}

/**
 * Kullback-Leibler divergence of `current` from `reference`, nats: Σ p ln(p / q), p the shares of `current`. Infinity where `current` has rows in
 * a bin that is empty in `reference`. NaN when a side is empty. O(bins).
 *
 * Source: S. Kullback and R. A. Leibler (1951), Annals of Mathematical Statistics 22, 79-86.
 *
 * @example
 * kullbackLeibler([1, 1], [1, 0]).toFixed(9) // → "0.693147181"
 */
export function kullbackLeibler(reference: ArrayLike<number>, current: ArrayLike<number>): number {
  const n = total(reference);
  const m = total(current);
  if (n === 0 || m === 0) return Number.NaN;
  let sum = 0;
  for (let i = 0; i < reference.length; i += 1) {
    const p = (current[i] ?? 0) / m;
    if (p > 0) sum += p * Math.log(p / ((reference[i] ?? 0) / n));
  }
  return Math.max(0, sum);
}

/**
 * Hellinger distance of two rows of counts (or of shares), 0 to 1: √(½ Σ (√p - √q)²). NaN when a side is empty. O(bins).
 *
 * Source: E. Hellinger (1909), J. reine angew. Math. 136, 210-271.
 *
 * @example
 * hellinger([1, 0], [0, 1]).toFixed(9) // → "1.000000000"
 */
export function hellinger(reference: ArrayLike<number>, current: ArrayLike<number>): number {
  const n = total(reference);
  const m = total(current);
  if (n === 0 || m === 0) return Number.NaN;
  let sum = 0;
  for (let i = 0; i < reference.length; i += 1) {
    sum += (Math.sqrt((reference[i] ?? 0) / n) - Math.sqrt((current[i] ?? 0) / m)) ** 2;
  }
  return Math.sqrt(sum / 2);
}

/**
 * Largest difference of the shares of one bin (L∞), 0 to 1. NaN when a side is empty. O(bins).
 *
 * Source: the maximum norm of the difference.
 *
 * @example
 * largestShareDifference([1, 1], [3, 1]) // → 0.25
 */
export function largestShareDifference(reference: ArrayLike<number>, current: ArrayLike<number>): number {
  const n = total(reference);
  const m = total(current);
  if (n === 0 || m === 0) return Number.NaN;
  let most = 0;
  for (let i = 0; i < reference.length; i += 1) {
    most = Math.max(most, Math.abs((reference[i] ?? 0) / n - (current[i] ?? 0) / m));
  }
  return most;
}
