import { ksExactSteps, ksPValueExact } from './ks-exact.ts';
import { kolmogorovSurvival, ksOneSampleSurvival } from './ks-law.ts';

/** Result of a two-sample Kolmogorov-Smirnov test. */
export interface KsResult {
  /** Largest distance of the two empirical distribution functions, 0 to 1. */
  readonly statistic: number;
  readonly pValue: number;
  readonly method: 'exact' | 'asymptotic';
  /** Smallest value at which the largest distance is seen. */
  readonly location: number;
  /** 1 when the first sample's distribution function is the higher one there (its values are smaller), -1 when the second's is. */
  readonly sign: 1 | -1;
}

export interface KsOptions {
  /** The exact law is used while it takes at most this many steps (`ksExactSteps`). Default 4,000,000 (about 20 ms). */
  readonly exactStepsMax?: number;
  /**
   * How ties count in the exact law. `continuous` (default) takes the law of untied samples, which is conservative and what SciPy
   * does; `conditional` conditions on the ties that were seen: the right level for counts, rounded and categorical-like numbers.
   */
  readonly ties?: 'continuous' | 'conditional';
  /**
   * The law beyond the exact one. `limit` (default): Kolmogorov's, `ksPValueAsymptotic`. `finite`: that of one sample of n m / (n + m) values,
   * rounded half to even, which SciPy calls `asymp`; nearer to the exact law of two large samples.
   */
  readonly beyond?: 'limit' | 'finite';
}

/**
 * Asymptotic two-sided p-value of the two-sample statistic `d` for samples of `n` and `m`: the limit law at d √(nm / (n + m)).
 *
 * Source: as `kolmogorovSurvival`.
 *
 * @example
 * ksPValueAsymptotic(0.01765, 20000, 10000).toFixed(9) // → "0.031414364"
 */
export function ksPValueAsymptotic(d: number, n: number, m: number): number {
  return n === 0 || m === 0 ? Number.NaN : kolmogorovSurvival(d * Math.sqrt((n * m) / (n + m)));
}

/** A half rounds to the even neighbour, as in IEEE 754. */
function roundHalfEven(x: number): number {
  const below = Math.floor(x);
  if (x - below !== 0.5) return Math.round(x);
  return below % 2 === 0 ? below : below + 1;
}

/**
 * Two-sided p-value of the two-sample statistic `d` by the law of one sample of n m / (n + m) values. NaN when that rounds to 0.
 *
 * Source: as `ksOneSampleSurvival`; the effective size as in M. A. Stephens (1970), JRSS B 32, 115-122.
 *
 * @example
 * ksPValueFinite(0.01765, 20000, 10000).toFixed(9) // → "0.031035788"
 */
export function ksPValueFinite(d: number, n: number, m: number): number {
  return n === 0 || m === 0 ? Number.NaN : ksOneSampleSurvival(d, roundHalfEven((n * m) / (n + m)));
}

interface Scan {
  readonly statistic: number;
  readonly location: number;
  readonly sign: 1 | -1;
  readonly tieEnds: boolean[];
  readonly hasTies: boolean;
}

/** Statistic of two ascending samples, and where runs of equal values end in the pooled sample. Distances in units of 1/(n m). */
function scan(a: Float64Array, b: Float64Array, keepsTies: boolean): Scan {
  const tieEnds: boolean[] = [];
  let above = -1;
  let aboveAt = Number.NaN;
  let below = 0;
  let belowAt = Number.NaN;
  let hasTies = false;
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const value = Math.min(a[i] ?? Infinity, b[j] ?? Infinity);
    const before = i + j;
    while (i < a.length && a[i] === value) i += 1;
    while (j < b.length && b[j] === value) j += 1;
    hasTies ||= i + j - before > 1;
    if (keepsTies) {
      for (let k = before + 1; k < i + j; k += 1) tieEnds.push(false);
      tieEnds.push(true);
    }
    const difference = i * b.length - j * a.length;
    if (difference > above) [above, aboveAt] = [difference, value];
    if (-difference > below) [below, belowAt] = [-difference, value];
  }
  const isBelow = below > above;
  return {
    statistic: Math.max(above, below) / (a.length * b.length),
    location: isBelow ? belowAt : aboveAt,
    sign: isBelow ? -1 : 1,
    tieEnds,
    hasTies,
  };
}

/**
 * Two-sample Kolmogorov-Smirnov test, two-sided; NaN values are left out. Statistic NaN when a sample is empty. O(n log n) and, while
 * the exact law is used, `ksExactSteps`.
 *
 * Source: N. Smirnov (1939), Bulletin Moscow University 2, 3-16; see `ksPValueExact`, `ksPValueAsymptotic`, `ksPValueFinite`.
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
  const [n, m] = [x.length, y.length];
  if (n === 0 || m === 0) {
    return { statistic: Number.NaN, pValue: Number.NaN, method: 'exact', location: Number.NaN, sign: 1 };
  }
  const isConditional = options.ties === 'conditional';
  const { statistic, location, sign, tieEnds, hasTies } = scan(x, y, isConditional);
  const steps = isConditional && hasTies ? n * m : ksExactSteps(statistic, n, m);
  if (steps > (options.exactStepsMax ?? 4_000_000)) {
    const law = options.beyond === 'finite' ? ksPValueFinite : ksPValueAsymptotic;
    return { statistic, pValue: law(statistic, n, m), method: 'asymptotic', location, sign };
  }
  const ends = hasTies && isConditional ? tieEnds : undefined;
  return { statistic, pValue: ksPValueExact(statistic, n, m, ends), method: 'exact', location, sign };
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
export function ksFromBins(reference: ArrayLike<number>, current: ArrayLike<number>): number {
  let n = 0;
  let m = 0;
  for (let i = 0; i < reference.length; i += 1) {
    n += reference[i] ?? 0;
    m += current[i] ?? 0;
  }
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
