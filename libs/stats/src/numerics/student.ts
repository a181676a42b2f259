import { logGamma } from './gamma.ts';
import { orderFreeSum } from './sum.ts';

const iterationsMax = 100_000;
const tiny = 1e-300;

/** Continued fraction of the incomplete beta function (DLMF 8.17.22), evaluated as Lentz (1976) does. */
function betaFraction(a: number, b: number, x: number): number {
  let c = 1;
  let d = 1 - ((a + b) * x) / (a + 1);
  if (Math.abs(d) < tiny) d = tiny;
  d = 1 / d;
  let h = d;
  for (let m = 1; m < iterationsMax; m += 1) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    for (const numerator of [even, odd]) {
      d = 1 + numerator * d;
      if (Math.abs(d) < tiny) d = tiny;
      c = 1 + numerator / c;
      if (Math.abs(c) < tiny) c = tiny;
      d = 1 / d;
      h *= d * c;
    }
    if (Math.abs(d * c - 1) < 1e-16) break;
  }
  return h;
}

/**
 * Regularised incomplete beta function I_x(a, b), for a, b > 0 and x in [0, 1].
 *
 * Source: NIST Digital Library of Mathematical Functions, 8.17.4 and 8.17.22.
 *
 * @example
 * betaRatio(2, 2, 0.5).toFixed(12) // → "0.500000000000"
 */
export function betaRatio(a: number, b: number, x: number): number {
  if (!(x >= 0 && x <= 1)) return Number.NaN;
  if (x === 0 || x === 1) return x;
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
  if (x < (a + 1) / (a + b + 2)) return (front * betaFraction(a, b, x)) / a;
  return 1 - (front * betaFraction(b, a, 1 - x)) / b;
}

/**
 * Distribution function of Student's t: P(T <= t), for `dof` > 0.
 *
 * Source: Student (1908), Biometrika 6, 1-25; tail by the incomplete beta function (Abramowitz and Stegun 1964, 26.7.1).
 *
 * @example
 * studentCdf(1.812461122811676, 10).toFixed(9) // → "0.950000000"
 */
export function studentCdf(t: number, dof: number): number {
  if (Number.isNaN(t) || !(dof > 0)) return Number.NaN;
  const tail = betaRatio(dof / 2, 0.5, dof / (dof + t * t)) / 2;
  return t > 0 ? 1 - tail : tail;
}

/**
 * Quantile of Student's t distribution, for p in (0, 1) and `dof` > 0.
 *
 * Source: Student (1908), Biometrika 6, 1-25; tail by the incomplete beta function (Abramowitz and Stegun 1964, 26.7.1), inverted by
 * bisection.
 *
 * @example
 * studentQuantile(0.95, 10).toFixed(9) // → "1.812461123"
 */
export function studentQuantile(p: number, dof: number): number {
  if (!(p > 0 && p < 1) || !(dof > 0)) return Number.NaN;
  if (p === 0.5) return 0;
  if (p < 0.5) return -studentQuantile(1 - p, dof);
  const tail = (t: number): number => studentCdf(-t, dof);
  let low = 0;
  let high = 2;
  while (tail(high) > 1 - p) high *= 2;
  for (let i = 0; i < 200; i += 1) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) break;
    if (tail(middle) > 1 - p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Mean of paired differences with its one-sided bounds. */
export interface PairedBound {
  readonly mean: number;
  /** The true mean is above this with the given confidence; -Infinity with fewer than two differences. */
  readonly lower: number;
  /** The true mean is below this with the given confidence; Infinity with fewer than two differences. */
  readonly upper: number;
  readonly n: number;
}

/**
 * One-sided bounds of the mean of paired differences (for example log loss of champion minus challenger, row by row) at `confidence`
 * in (0.5, 1), for example 0.95. The bounds hold each by itself. Does not depend on the order of the rows. O(n log n).
 *
 * Source: Student (1908), The probable error of a mean, Biometrika 6, 1-25.
 *
 * @example
 * pairedLowerBound([1, 2, 3], 0.95).lower.toFixed(6) // → "0.314146"
 */
export function pairedLowerBound(diffs: ArrayLike<number>, confidence: number): PairedBound {
  const n = diffs.length;
  if (n === 0) return { mean: Number.NaN, lower: -Infinity, upper: Infinity, n };
  const mean = orderFreeSum(diffs) / n;
  if (n < 2) return { mean, lower: -Infinity, upper: Infinity, n };
  const squares = Float64Array.from(diffs, (diff) => (diff - mean) ** 2);
  const margin = studentQuantile(confidence, n - 1) * Math.sqrt(orderFreeSum(squares) / (n - 1) / n);
  return { mean, lower: mean - margin, upper: mean + margin, n };
}
