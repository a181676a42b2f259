import { chiSquareQuantile, chiSquareSurvival } from './gamma.ts';

export interface PsiOptions {
  /** Instead of smoothing: shares below it become it, without renormalising. For comparison with other tools (often 1e-4). */
  readonly floor?: number;
}

function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

/**
 * Population stability index of two rows of counts on the same bins: Σ (p - q) ln(p / q), in nats, 0 for equal shares. Half a count is added
 * to each bin on both sides, so that empty bins are finite. NaN when a side is empty. O(bins).
 *
 * Source: H. Jeffreys (1946), Proc. R. Soc. A 186, 453-461 (divergence and the 1/2 prior); B. Yurdakul and J. Naranjo (2020),
 * Statistical properties of the population stability index, Journal of Risk Model Validation 14(4).
 *
 * @example
 * psi([50, 50], [80, 20]).toFixed(6) // → "0.406287"
 */
export function psi(reference: readonly number[], current: readonly number[], options: PsiOptions = {}): number {
  const n = total(reference);
  const m = total(current);
  if (n === 0 || m === 0) return Number.NaN;
  const { floor } = options;
  const share = (count: number, rows: number): number =>
    floor === undefined ? (count + 0.5) / (rows + reference.length / 2) : Math.max(count / rows, floor);
  let sum = 0;
  for (let i = 0; i < reference.length; i += 1) {
    const p = share(current[i] ?? 0, m);
    const q = share(reference[i] ?? 0, n);
    sum += (p - q) * Math.log(p / q);
  }
  return sum;
}

/**
 * Value that the index of `bins` bins exceeds with probability `alpha` when nothing has drifted, for a reference of `n` and a window of `m`
 * rows: (1/n + 1/m) χ²(1 - alpha, bins - 1).
 *
 * Source: B. Yurdakul and J. Naranjo (2020), Journal of Risk Model Validation 14(4).
 *
 * @example
 * psiCritical(10, 10000, 1000, 0.001).toFixed(6) // → "0.030665"
 */
export function psiCritical(bins: number, n: number, m: number, alpha: number): number {
  if (n === 0 || m === 0) return Infinity;
  if (bins < 2) return 0;
  return (1 / n + 1 / m) * chiSquareQuantile(1 - alpha, bins - 1);
}

/** Result of a χ² test. */
export interface ChiSquareResult {
  readonly statistic: number;
  readonly dof: number;
  readonly pValue: number;
}

/**
 * χ² test of homogeneity of two rows of counts over the same categories, without continuity correction; categories that are empty on both
 * sides do not count. p-value 1 when there is nothing to compare. O(categories).
 *
 * Source: K. Pearson (1900), Philosophical Magazine 50, 157-175.
 *
 * @example
 * chiSquareTwoSample([689, 311], [568, 232]).pValue.toFixed(9) // → "0.334761081"
 */
export function chiSquareTwoSample(reference: readonly number[], current: readonly number[]): ChiSquareResult {
  const n = total(reference);
  const m = total(current);
  let statistic = 0;
  let used = 0;
  for (let i = 0; i < reference.length; i += 1) {
    const a = reference[i] ?? 0;
    const b = current[i] ?? 0;
    if (a + b === 0) continue;
    used += 1;
    const expected = ((a + b) * n) / (n + m);
    const expectedCurrent = ((a + b) * m) / (n + m);
    statistic += (a - expected) ** 2 / expected + (b - expectedCurrent) ** 2 / expectedCurrent;
  }
  if (n === 0 || m === 0 || used < 2) return { statistic: 0, dof: Math.max(0, used - 1), pValue: 1 };
  return { statistic, dof: used - 1, pValue: chiSquareSurvival(statistic, used - 1) };
}

/**
 * Which hypotheses are rejected when the false discovery rate may be `q`. A NaN p-value is never rejected and counts as 1. O(n log n).
 *
 * Source: Y. Benjamini and Y. Hochberg (1995), J. R. Stat. Soc. B 57, 289-300.
 *
 * @example
 * benjaminiHochberg([0.01, 0.04, 0.03, 0.5], 0.05) // → [true,false,false,false]
 */
export function benjaminiHochberg(ps: readonly number[], q: number): readonly boolean[] {
  const sorted = ps.map((p) => (Number.isNaN(p) ? 1 : p)).sort((a, b) => a - b);
  let limit = -1;
  sorted.forEach((p, i) => {
    if (p <= ((i + 1) * q) / sorted.length) limit = p;
  });
  return ps.map((p) => p <= limit);
}
