/** Bound of the relative error of a quantile. */
const relativeError = 0.01;
/** Widths of bins grow by this factor. */
const growth = (1 + relativeError) / (1 - relativeError);
const logGrowth = Math.log(growth);
/** Magnitudes that are told apart: smaller ones count as zero, larger ones as the largest. */
const magnitudeMin = 1e-9;
const magnitudeMax = 1e15;
/** Added to the bin of a magnitude, so that keys of positive values are above 0. */
const shift = 1 - Math.floor(Math.log(magnitudeMin) / logGrowth);

/** Counts of numbers in bins of equal relative width; keys ascend with the values. */
export type LogHistogram = Map<number, number>;

/**
 * Key of the bin of a finite number: 0 for |x| < 1e-9, negative for negative values, at most 4,800 different ones. The bin of key k > 0
 * holds (γ^(k-s-1), γ^(k-s)], γ = 1.01/0.99: the log-scaled bins of DDSketch (Masson, Rim and Lee 2019, Proc. VLDB 12(12), section
 * 2.1), with a fixed range instead of collapsing bins. A fixed range makes the histogram of a set of numbers the same however the set
 * is divided, merged and ordered. O(1).
 *
 * @example
 * logBin(0) // → 0
 * logBin(-5) === -logBin(5) // → true
 */
export function logBin(value: number): number {
  const magnitude = Math.abs(value);
  if (magnitude < magnitudeMin) return 0;
  const key = Math.ceil(Math.log(Math.min(magnitude, magnitudeMax)) / logGrowth) + shift;
  return value < 0 ? -key : key;
}

/**
 * The number that stands for a bin: within 1 % of every number in it (beyond 1e15, of 1e15).
 *
 * @example
 * Math.abs(logBinValue(logBin(250)) - 250) <= 2.5 // → true
 */
export function logBinValue(key: number): number {
  if (key === 0) return 0;
  const upper = Math.exp((Math.abs(key) - shift) * logGrowth);
  const middle = (2 * upper) / (1 + growth);
  return key < 0 ? -middle : middle;
}

/**
 * Adds `count` to a bin; returns how many are in it then.
 *
 * @example
 * addToBin(new Map(), 7, 2) // → 2
 */
export function addToBin(histogram: LogHistogram, key: number, count = 1): number {
  const counted = (histogram.get(key) ?? 0) + count;
  histogram.set(key, counted);
  return counted;
}

/**
 * Quantile of the counted numbers by nearest rank (the smallest number with at least `p` of all at or below it), within 1 %; null
 * without numbers. `p` in [0, 1]. O(bins log bins).
 *
 * @example
 * logQuantile(new Map([[0, 3]]), 0.5) // → 0
 * @example
 * logQuantile(new Map(), 0.5) // → null
 */
export function logQuantile(histogram: LogHistogram, p: number): number | null {
  const bins = [...histogram].sort(([a], [b]) => a - b);
  const total = bins.reduce((sum, [, count]) => sum + count, 0);
  const rank = Math.max(1, Math.ceil(p * total));
  let seen = 0;
  for (const [key, count] of bins) {
    seen += count;
    if (seen >= rank) return logBinValue(key);
  }
  return null;
}
