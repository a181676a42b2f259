/** Makes the median absolute deviation of a normal distribution its standard deviation: 1/Φ⁻¹(3/4). */
const normalScale = 1.482602218505602;

/**
 * Median; the mean of the two middle values of an even number; null without values. O(n log n).
 *
 * @example
 * median([3, 1, 2, 10]) // → 2.5
 */
export function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  if (upper === undefined) return null;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/**
 * Median and robust standard deviation (scaled median absolute deviation: Rousseeuw and Croux 1993, JASA 88(424), section 1) of a trailing
 * baseline; null without values. O(n log n).
 *
 * @example
 * robustBaseline([1, 1, 1]) // → {"median":1,"spread":0}
 */
export function robustBaseline(values: readonly number[]): { readonly median: number; readonly spread: number } | null {
  const middle = median(values);
  if (middle === null) return null;
  const deviation = median(values.map((value) => Math.abs(value - middle))) ?? 0;
  return { median: middle, spread: normalScale * deviation };
}

/**
 * Standard error of a share of `rows` rows around `share`, never 0: half a row is added to either side. What sampling alone moves a share
 * by, so that a baseline without spread does not call every row a spike.
 *
 * @example
 * shareError(0.5, 99) // → 0.05
 */
export function shareError(share: number, rows: number): number {
  const p = (share * rows + 0.5) / (rows + 1);
  return Math.sqrt((p * (1 - p)) / (rows + 1));
}
