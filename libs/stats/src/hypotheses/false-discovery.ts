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
