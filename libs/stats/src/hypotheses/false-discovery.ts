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

export interface DiscoveryOptions {
  /**
   * `any` multiplies by 1 + 1/2 + … + 1/n, which holds for every dependence of the tests (Benjamini and Yekutieli 2001); default
   * `positive`: independent or positively dependent ones (Benjamini and Hochberg 1995).
   */
  readonly dependence?: 'positive' | 'any';
}

/**
 * Adjusted p-values (q-values of the step-up procedure): the smallest false discovery rate at which each hypothesis is rejected. A NaN p-value
 * counts as 1. O(n log n).
 *
 * Source: Y. Benjamini and Y. Hochberg (1995), J. R. Stat. Soc. B 57, 289-300; Y. Benjamini and D. Yekutieli (2001), Annals of Statistics
 * 29, 1165-1188.
 *
 * @example
 * falseDiscoveryAdjusted([0.01, 0.04, 0.02, 0.5]) // → [0.04,0.05333333333333333,0.04,0.5]
 */
export function falseDiscoveryAdjusted(ps: readonly number[], options: DiscoveryOptions = {}): readonly number[] {
  const n = ps.length;
  let factor = 1;
  if (options.dependence === 'any') for (let i = 2; i <= n; i += 1) factor += 1 / i;
  const values = ps.map((p) => (Number.isNaN(p) ? 1 : p));
  const order = values.map((_, i) => i).sort((a, b) => (values[b] ?? 1) - (values[a] ?? 1));
  const adjusted: number[] = Array.from({ length: n }, () => 1);
  let least = 1;
  order.forEach((at, i) => {
    least = Math.min(least, (values[at] ?? 1) * ((n * factor) / (n - i)));
    adjusted[at] = least;
  });
  return adjusted;
}
