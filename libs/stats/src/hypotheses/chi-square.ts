import { chiSquareSurvival } from '../numerics/gamma.ts';

/** Result of a χ² test. */
export interface ChiSquareResult {
  readonly statistic: number;
  readonly dof: number;
  readonly pValue: number;
}

function total(counts: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < counts.length; i += 1) sum += counts[i] ?? 0;
  return sum;
}

/** What a cell adds, from what was seen there and what homogeneity expects. */
type Cell = (seen: number, expected: number) => number;

const pearson: Cell = (seen, expected) => (seen - expected) ** 2 / expected;

const pearsonYates: Cell = (seen, expected) => {
  const distance = Math.abs(seen - expected);
  return (distance - Math.min(0.5, distance)) ** 2 / expected;
};

const likelihood: Cell = (seen, expected) => (seen === 0 ? 0 : 2 * seen * Math.log(seen / expected));

function usedCategories(reference: ArrayLike<number>, current: ArrayLike<number>): number {
  let used = 0;
  for (let i = 0; i < reference.length; i += 1) if ((reference[i] ?? 0) + (current[i] ?? 0) > 0) used += 1;
  return used;
}

function homogeneity(reference: ArrayLike<number>, current: ArrayLike<number>, cell: Cell): ChiSquareResult {
  const n = total(reference);
  const m = total(current);
  const dof = Math.max(0, usedCategories(reference, current) - 1);
  if (n === 0 || m === 0 || dof === 0) return { statistic: 0, dof, pValue: 1 };
  let statistic = 0;
  for (let i = 0; i < reference.length; i += 1) {
    const a = reference[i] ?? 0;
    const b = current[i] ?? 0;
    if (a + b === 0) continue;
    statistic += cell(a, ((a + b) * n) / (n + m)) + cell(b, ((a + b) * m) / (n + m));
  }
  return { statistic, dof, pValue: chiSquareSurvival(statistic, dof) };
}

export interface ChiSquareOptions {
  /** Continuity correction for two categories: each distance is shortened by up to one half. Default false. */
  readonly yates?: boolean;
}

/**
 * χ² test of homogeneity of two rows of counts over the same categories; categories that are empty on both sides do not count. p-value 1
 * when there is nothing to compare. The law holds where most expected counts are 5 or more. O(categories).
 *
 * Source: K. Pearson (1900), Philosophical Magazine 50, 157-175; F. Yates (1934), Suppl. J. R. Stat. Soc. 1, 217-235.
 *
 * @example
 * chiSquareTwoSample([689, 311], [568, 232]).pValue.toFixed(9) // → "0.334761081"
 * @example
 * chiSquareTwoSample([689, 311], [568, 232], { yates: true }).statistic.toFixed(9) // → "0.833377286"
 */
export function chiSquareTwoSample(
  reference: ArrayLike<number>,
  current: ArrayLike<number>,
  options: ChiSquareOptions = {},
): ChiSquareResult {
  const isCorrected = options.yates === true && usedCategories(reference, current) === 2;
  return homogeneity(reference, current, isCorrected ? pearsonYates : pearson);
}

/**
 * Likelihood-ratio (G) test of homogeneity of two rows of counts: 2 Σ O ln(O / E), χ² distributed with categories - 1 degrees of freedom in
 * the limit. Categories that are empty on both sides do not count. O(categories).
 *
 * Source: S. S. Wilks (1935), Annals of Mathematical Statistics 6, 190-196.
 *
 * @example
 * gTwoSample([689, 311], [568, 232]).statistic.toFixed(9) // → "0.931902859"
 */
export function gTwoSample(reference: ArrayLike<number>, current: ArrayLike<number>): ChiSquareResult {
  return homogeneity(reference, current, likelihood);
}

/**
 * χ² test of goodness of fit of counts to the shares of a reference taken as known without error: for a reference so large that its own
 * chance does not matter, else it alarms too often; `chiSquareTwoSample` counts both. Statistic Infinity where a category is new.
 * p-value 1 when there is nothing to compare. O(categories).
 *
 * Source: K. Pearson (1900), Philosophical Magazine 50, 157-175.
 *
 * @example
 * chiSquareGoodness([568, 232], [689, 311]).statistic.toFixed(9) // → "1.646451589"
 */
export function chiSquareGoodness(observed: ArrayLike<number>, reference: ArrayLike<number>): ChiSquareResult {
  const n = total(reference);
  const m = total(observed);
  const dof = Math.max(0, usedCategories(reference, observed) - 1);
  if (n === 0 || m === 0 || dof === 0) return { statistic: 0, dof, pValue: 1 };
  let statistic = 0;
  for (let i = 0; i < reference.length; i += 1) {
    const seen = observed[i] ?? 0;
    const expected = ((reference[i] ?? 0) * m) / n;
    if (seen > 0 || expected > 0) statistic += pearson(seen, expected);
  }
  return { statistic, dof, pValue: chiSquareSurvival(statistic, dof) };
}
