/** Result of a two-sample Kolmogorov-Smirnov test. */
export interface KsResult {
  /** Largest distance of the two empirical distribution functions, 0 to 1. */
  readonly statistic: number;
  readonly pValue: number;
  readonly method: 'exact' | 'asymptotic';
}

export interface KsOptions {
  /** The exact law is used while n * m is at most this; one step of its recursion a pair. Default 4,000,000 (about 20 ms). */
  readonly exactPairsMax?: number;
  /**
   * How ties count in the exact law. `continuous` (default) takes the law of untied samples, which is conservative and what SciPy
   * does; `conditional` conditions on the ties that were seen.
   */
  readonly ties?: 'continuous' | 'conditional';
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/**
 * Exact two-sided p-value: probability that a random merge of `n` and `m` values reaches a distance of at least `d`. Only sums of
 * positive terms, so the far tail keeps its relative precision. O(n m) time, O(m) memory.
 *
 * `tieEnds`, when given, holds for each of the n + m places of the pooled sorted sample whether a run of equal values ends there: the
 * distance is then looked at only between different values.
 *
 * Source: J. L. Hodges (1958), The significance probability of the Smirnov two-sample test, Arkiv för Matematik 3, 469-486; ties:
 * G. Schröer and D. Trenkler (1995), Computational Statistics & Data Analysis 20, 185-202.
 *
 * @example
 * ksPValueExact(1, 5, 5).toFixed(12) // → "0.007936507937"
 */
export function ksPValueExact(d: number, n: number, m: number, tieEnds?: readonly boolean[]): number {
  if (n === 0 || m === 0) return Number.NaN;
  // |i / n - j / m| is a multiple of 1 / lcm: compared as integers, since rounding must not decide.
  const lcm = (n / gcd(n, m)) * m;
  const reach = Math.round(d * lcm);
  if (reach <= 0) return 1;
  const stepI = lcm / n;
  const stepJ = lcm / m;
  // out[j]: share of the merges of the first i and j values that have reached the distance.
  const out = new Float64Array(m + 1);
  for (let i = 0; i <= n; i += 1) {
    for (let j = 0; j <= m; j += 1) {
      const seen = i + j > 0 && (tieEnds === undefined || tieEnds[i + j - 1] === true);
      if (seen && Math.abs(i * stepI - j * stepJ) >= reach) out[j] = 1;
      else if (i + j > 0) out[j] = (i * (out[j] ?? 0) + (j === 0 ? 0 : j * (out[j - 1] ?? 0))) / (i + j);
    }
  }
  return Math.min(1, out[m] ?? Number.NaN);
}

/**
 * Asymptotic two-sided p-value of the two-sample statistic `d` for samples of `n` and `m`: the limit law at d √(nm / (n + m)).
 *
 * Source: A. N. Kolmogorov (1933), Giornale dell'Istituto Italiano degli Attuari 4, 83-91; N. Smirnov (1948), Annals of
 * Mathematical Statistics 19, 279-281, both series.
 *
 * @example
 * ksPValueAsymptotic(0.01765, 20000, 10000).toFixed(9) // → "0.031414364"
 */
export function ksPValueAsymptotic(d: number, n: number, m: number): number {
  if (n === 0 || m === 0 || Number.isNaN(d)) return Number.NaN;
  const x = d * Math.sqrt((n * m) / (n + m));
  if (x <= 0) return 1;
  if (x < 1) {
    let cdf = 0;
    for (let k = 1; k < 100; k += 1) {
      const term = Math.exp((-((2 * k - 1) ** 2) * Math.PI ** 2) / (8 * x * x));
      cdf += term;
      if (term < cdf * 1e-17) break;
    }
    return 1 - (Math.sqrt(2 * Math.PI) / x) * cdf;
  }
  let sum = 0;
  for (let k = 1; k < 100; k += 1) {
    const term = Math.exp(-2 * k * k * x * x);
    sum += k % 2 === 1 ? term : -term;
    if (term < Math.abs(sum) * 1e-17) break;
  }
  return Math.min(1, 2 * sum);
}

/** Statistic of two ascending samples, and where runs of equal values end in the pooled sample. */
function scan(a: Float64Array, b: Float64Array): { statistic: number; tieEnds: boolean[]; hasTies: boolean } {
  const tieEnds: boolean[] = [];
  let statistic = 0;
  let hasTies = false;
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const value = Math.min(a[i] ?? Infinity, b[j] ?? Infinity);
    const before = i + j;
    while (i < a.length && a[i] === value) i += 1;
    while (j < b.length && b[j] === value) j += 1;
    for (let k = before + 1; k < i + j; k += 1) tieEnds.push(false);
    hasTies ||= i + j - before > 1;
    tieEnds.push(true);
    statistic = Math.max(statistic, Math.abs(i / a.length - j / b.length));
  }
  return { statistic, tieEnds, hasTies };
}

/**
 * Two-sample Kolmogorov-Smirnov test, two-sided; NaN values are left out. Statistic NaN when a sample is empty. O(n log n) and, while
 * the exact law is used, O(n m).
 *
 * Source: N. Smirnov (1939), Bulletin Moscow University 2, 3-16; see `ksPValueExact`, `ksPValueAsymptotic`.
 *
 * @example
 * ksTwoSample([1, 2, 3, 4, 5], [6, 7, 8, 9, 10]).statistic // → 1
 */
export function ksTwoSample(a: ArrayLike<number>, b: ArrayLike<number>, options: KsOptions = {}): KsResult {
  const x = Float64Array.from(a)
    .filter((value) => !Number.isNaN(value))
    .sort();
  const y = Float64Array.from(b)
    .filter((value) => !Number.isNaN(value))
    .sort();
  if (x.length === 0 || y.length === 0) return { statistic: Number.NaN, pValue: Number.NaN, method: 'exact' };
  const { statistic, tieEnds, hasTies } = scan(x, y);
  if (x.length * y.length > (options.exactPairsMax ?? 4_000_000)) {
    return { statistic, pValue: ksPValueAsymptotic(statistic, x.length, y.length), method: 'asymptotic' };
  }
  const ends = hasTies && options.ties === 'conditional' ? tieEnds : undefined;
  return { statistic, pValue: ksPValueExact(statistic, x.length, y.length, ends), method: 'exact' };
}

/**
 * Kolmogorov-Smirnov statistic of two rows of counts on the same ascending bins, both of the same length: the largest distance at a bin's
 * edge, so never more than that of the raw samples. NaN when a side is empty.
 *
 * Source: N. Smirnov (1939); on grouped data conservative, W. J. Conover (1972), JASA 67, 591-596.
 *
 * @example
 * ksFromBins([5, 5, 0], [0, 5, 5]) // → 0.5
 */
export function ksFromBins(reference: readonly number[], current: readonly number[]): number {
  const n = reference.reduce((sum, count) => sum + count, 0);
  const m = current.reduce((sum, count) => sum + count, 0);
  if (n === 0 || m === 0) return Number.NaN;
  let statistic = 0;
  let below = 0;
  let belowCurrent = 0;
  for (let i = 0; i < reference.length; i += 1) {
    below += reference[i] ?? 0;
    belowCurrent += current[i] ?? 0;
    statistic = Math.max(statistic, Math.abs(below / n - belowCurrent / m));
  }
  return statistic;
}
