import { orderFreeSum } from '../numerics/sum.ts';
import { randomIndex } from '../numerics/random.ts';

/** An estimate that is Σ numerator / Σ denominator over rows. */
export interface RatioColumns {
  readonly numerator: ArrayLike<number>;
  /** Absent: 1 for each row, so that the estimate is a mean. */
  readonly denominator?: ArrayLike<number>;
}

/** A two-sided interval. */
export interface Interval {
  readonly lower: number;
  readonly upper: number;
}

export interface BootstrapOptions {
  /** Probability that the interval holds the value, (0, 1). */
  readonly confidence: number;
  /** Resamples: 1,000 for 95 % (Efron and Tibshirani 1993, section 19.3). */
  readonly resamples: number;
  /** The same seed draws the same resamples, 32 bits. */
  readonly seed: number;
}

/**
 * Percentile intervals of several estimates over the same rows, by resampling whole clusters, since the decisions of one unit are not
 * independent. Rows of the same text in `clusters` belong together. All estimates see the same resamples. Does not depend on the order of
 * the rows. NaN without rows; an interval of one cluster is a point. O(rows log rows + resamples · clusters · estimates).
 *
 * Source: A. C. Davison and D. V. Hinkley (1997), Bootstrap Methods and their Application, sections 2.4 and 3.8; C. A. Field and
 * A. H. Welsh (2007), Bootstrapping clustered data, JRSS B 69, 369-390.
 *
 * clusterBootstrap([{ numerator: [2, 2, 2] }], ['a', 'b', 'b'], { confidence: 0.95, resamples: 100, seed: 1 }) // → [{"lower":2,"upper":2}]
 */
export function clusterBootstrap(
  estimates: readonly RatioColumns[],
  clusters: readonly string[],
  { confidence, resamples, seed }: BootstrapOptions,
): readonly Interval[] {
  const sums = estimates.map((columns) => clusterSums(columns, clusters));
  const count = sums[0]?.length ?? 0;
  if (count === 0) return estimates.map(() => ({ lower: Number.NaN, upper: Number.NaN }));
  const random = randomIndex(seed);
  const drawn = new Uint32Array(count);
  const values = estimates.map(() => new Float64Array(resamples));
  for (let resample = 0; resample < resamples; resample += 1) {
    drawn.fill(0);
    for (let i = 0; i < count; i += 1) {
      const at = random(count);
      drawn[at] = (drawn[at] ?? 0) + 1;
    }
    sums.forEach((pairs, estimate) => {
      const into = values[estimate];
      if (into !== undefined) into[resample] = resampled(pairs, drawn);
    });
  }
  return values.map((sample) => percentiles(sample, confidence));
}

interface Sums {
  readonly length: number;
  readonly numerators: Float64Array;
  readonly denominators: Float64Array;
}

/** Sums of each cluster, clusters sorted by name. */
function clusterSums({ numerator, denominator }: RatioColumns, clusters: readonly string[]): Sums {
  const rows = new Map<string, number[]>();
  clusters.forEach((name, row) => {
    const known = rows.get(name);
    if (known === undefined) rows.set(name, [row]);
    else known.push(row);
  });
  const sorted = [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, members]) => members);
  const add = (members: readonly number[], column: ArrayLike<number>): number =>
    orderFreeSum(members.map((row) => column[row] ?? 0));
  return {
    length: sorted.length,
    numerators: Float64Array.from(sorted, (members) => add(members, numerator)),
    denominators: Float64Array.from(sorted, (members) =>
      denominator === undefined ? members.length : add(members, denominator),
    ),
  };
}

function resampled({ numerators, denominators, length }: Sums, drawn: Uint32Array): number {
  let [above, under] = [0, 0];
  for (let i = 0; i < length; i += 1) {
    const times = drawn[i] ?? 0;
    above += times * (numerators[i] ?? 0);
    under += times * (denominators[i] ?? 0);
  }
  return above / under;
}

/** Resamples without any weight have no value and count for neither end. */
function percentiles(sample: Float64Array, confidence: number): Interval {
  const sorted = sample.filter((value) => !Number.isNaN(value)).sort();
  const at = (p: number): number => sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ?? Number.NaN;
  return { lower: at((1 - confidence) / 2), upper: at((1 + confidence) / 2) };
}

export interface BernsteinOptions {
  /** Range in which each value must lie. */
  readonly min: number;
  readonly max: number;
  /** Probability that the true mean is above the bound, (0, 1). */
  readonly confidence: number;
}

/**
 * Lower bound of a mean that holds for any number of independent values within [min, max], without any assumption of normality:
 * mean - √(2 V ln(2/δ) / n) - 7 (max - min) ln(2/δ) / (3 (n - 1)), V the sample variance, δ = 1 - confidence. Wider than the bootstrap;
 * -Infinity with fewer than two values. O(n log n).
 *
 * Source: A. Maurer and M. Pontil (2009), Empirical Bernstein Bounds and Sample Variance Penalization, COLT, theorem 4.
 *
 * empiricalBernsteinLower([0, 1, 0, 1], { min: 0, max: 1, confidence: 0.95 }).toFixed(6) // → "-3.153229"
 */
export function empiricalBernsteinLower(values: ArrayLike<number>, options: BernsteinOptions): number {
  const { min, max, confidence } = options;
  const n = values.length;
  if (n < 2) return -Infinity;
  const mean = orderFreeSum(values) / n;
  const variance = orderFreeSum(Float64Array.from(values, (value) => (value - mean) ** 2)) / (n - 1);
  const log = Math.log(2 / (1 - confidence));
  return mean - Math.sqrt((2 * variance * log) / n) - (7 * (max - min) * log) / (3 * (n - 1));
}

/** What the gate judges by. */
export interface OffPolicyEvidence {
  /** Logged decisions with a known reward. */
  readonly decisions: number;
  readonly effectiveSampleSize: number;
  /** Interval of the candidate's value less the champion's. */
  readonly difference: Interval;
  /** How much worse the candidate may be, in units of the reward, at least 0. */
  readonly margin: number;
}

export interface OffPolicyVerdict {
  readonly verdict: 'pass' | 'fail' | 'inconclusive';
  readonly reason: string;
}

/** Least effective sample size, and its least share of the decisions. */
const effectiveMin = 500;
const effectiveShareMin = 0.05;

/**
 * Whether the log says that the candidate is no worse than the champion less the margin. Too small an effective sample says nothing.
 *
 * offPolicyGate({ decisions: 9000, effectiveSampleSize: 800, difference: { lower: -0.01, upper: 0.03 }, margin: 0.02 }).verdict // → "pass"
 */
export function offPolicyGate(evidence: OffPolicyEvidence): OffPolicyVerdict {
  const { decisions, effectiveSampleSize, difference, margin } = evidence;
  const wanted = Math.max(effectiveMin, effectiveShareMin * decisions);
  if (!(effectiveSampleSize >= wanted)) {
    const reason = `the effective sample size is ${Math.floor(effectiveSampleSize)}, at least ${Math.ceil(wanted)} is needed`;
    return { verdict: 'inconclusive', reason };
  }
  if (difference.lower >= -margin) return { verdict: 'pass', reason: 'no worse than the champion' };
  if (difference.upper < -margin) return { verdict: 'fail', reason: 'worse than the champion' };
  return { verdict: 'inconclusive', reason: 'the interval of the difference holds the margin' };
}
