const wordBits = 2 ** 32;
const limb = 1n << 42n;
const limbFactor = 2 ** 42;

/** A sum of whole numbers, exact whatever their order: `high * 2^32 + low`, `low` between 0 and 2^53. */
export interface ExactSum {
  high: number;
  low: number;
}

/** Adds a whole number of magnitude below 2^53. Exact for up to 2^21 summands between two calls of `carry`. */
export function addExact(sum: ExactSum, units: number): void {
  const high = Math.floor(units / wordBits);
  sum.high += high;
  sum.low += units - high * wordBits;
  if (sum.low >= wordBits) carry(sum);
}

/** Moves what is above 32 bits of `low` to `high`; the sum stays. */
export function carry(sum: ExactSum): void {
  const over = Math.floor(sum.low / wordBits);
  sum.high += over;
  sum.low -= over * wordBits;
}

/** The double nearest to a sum. */
export function exactToDouble(sum: ExactSum): number {
  const over = Math.floor(sum.low / wordBits);
  return (sum.high + over) * wordBits + (sum.low - over * wordBits);
}

/** A whole number from 0 to 2^126 as a double: 42 bits at a time, so that SQL rounds in the same places. */
export function limbsToDouble(value: bigint): number {
  const top = value / (limb * limb);
  const middle = (value / limb) % limb;
  return (Number(top) * limbFactor + Number(middle)) * limbFactor + Number(value % limb);
}

/**
 * Sample standard deviation of n whole numbers from their exact sum and exact sum of squares, in their unit; null for n < 2.
 * With q = floor(sum / n) and r = sum - q n, the squared deviations from q are M = squares - q (sum + r), exactly, and the
 * variance is (M - r^2 / n) / (n - 1): nothing cancels but numbers of the size of the spread (shifted data; Chan, Golub, LeVeque, "Algorithms
 * for Computing the Sample Variance", The American Statistician 37(3), 1983). Exact while n * max^2 < 2^126.
 *
 * @example sampleDeviation(4, { high: 0, low: 20 }, 120n) === 2.581988897471611 // of 2, 4, 6, 8
 */
export function sampleDeviation(count: number, sum: ExactSum, squares: bigint): number | null {
  if (count < 2) return null;
  const n = BigInt(count);
  const total = BigInt(sum.high) * BigInt(wordBits) + BigInt(sum.low);
  const rest = ((total % n) + n) % n;
  const deviations = squares - ((total - rest) / n) * (total + rest);
  const r = Number(rest);
  return Math.sqrt(Math.max(0, limbsToDouble(deviations) - (r * r) / count) / (count - 1));
}
