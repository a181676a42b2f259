import { chiSquareSurvival } from '../numerics/gamma.ts';

function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
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
