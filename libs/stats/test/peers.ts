import { chiSquareGoodness, chiSquareTwoSample } from '../src/hypotheses/chi-square.ts';
import { ksTwoSample } from '../src/hypotheses/ks.ts';
import { hellinger, jensenShannon, kullbackLeibler, largestShareDifference } from '../src/distances/divergence.ts';
import { wasserstein1 } from '../src/distances/wasserstein.ts';

// The conventions of Evidently 0.7.23 and NannyML 0.13.1 on top of our statistics, so that their figures can be compared. Bins as NumPy 2.4.6
// makes them. Not for use: the bins of the first move with the current rows.

const sumOf = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const rangeOf = (values: readonly number[]): readonly [number, number] =>
  values.reduce<readonly [number, number]>(
    ([low, high], x) => [Math.min(low, x), Math.max(high, x)],
    [Infinity, -Infinity],
  );

function equalEdges(low: number, high: number, bins: number): readonly number[] {
  const [from, to] = low === high ? [low - 0.5, high + 0.5] : [low, high];
  const step = (to - from) / bins;
  return Array.from({ length: bins + 1 }, (_, i) => (i === bins ? to : from + i * step));
}

/** Edges by the rule of Sturges (1926). */
function sturges(values: readonly number[]): readonly number[] {
  const [low, high] = rangeOf(values);
  return equalEdges(low, high, low === high ? 1 : Math.ceil(Math.log2(values.length) + 1));
}

/** Edges by the rule of Doane (1976). */
function doane(values: readonly number[]): readonly number[] {
  const n = values.length;
  const [low, high] = rangeOf(values);
  if (n <= 2 || low === high) return equalEdges(low, high, 1);
  const mean = sumOf(values) / n;
  const sigma = Math.sqrt(sumOf(values.map((x) => (x - mean) ** 2)) / n);
  const skew = sumOf(values.map((x) => ((x - mean) / sigma) ** 3)) / n;
  const spread = Math.sqrt((6 * (n - 2)) / ((n + 1) * (n + 3)));
  return equalEdges(low, high, Math.ceil(1 + Math.log2(n) + Math.log2(1 + Math.abs(skew) / spread)));
}

/** Counts on closed-open bins, the last one closed; values outside are left out. */
function histogram(values: readonly number[], edges: readonly number[]): readonly number[] {
  const counts = Array.from({ length: edges.length - 1 }, () => 0);
  for (const x of values) {
    if (x < (edges[0] ?? 0) || x > (edges[edges.length - 1] ?? 0)) continue;
    let low = 0;
    let high = edges.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((edges[middle] ?? 0) <= x) low = middle;
      else high = middle;
    }
    counts[low] = (counts[low] ?? 0) + 1;
  }
  return counts;
}

/** Counts of each distinct value of both. */
function byValue(a: readonly number[], b: readonly number[]): readonly [readonly number[], readonly number[]] {
  const keys = [...new Set([...a, ...b])].sort((x, y) => x - y);
  const count = (values: readonly number[]): readonly number[] => {
    const counts = new Map<number, number>();
    for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
    return keys.map((key) => counts.get(key) ?? 0);
  };
  return [count(a), count(b)];
}

function filled(counts: readonly number[]): readonly number[] {
  const rows = sumOf(counts);
  const shares = counts.map((count) => count / rows);
  const least = Math.min(...shares.filter((share) => share > 0));
  const fill = least <= 1e-4 ? least / 1e6 : 1e-4;
  return shares.map((share) => (share === 0 ? fill : share));
}

function spread(values: readonly number[]): number {
  const mean = sumOf(values) / values.length;
  return Math.sqrt(sumOf(values.map((x) => (x - mean) ** 2)) / values.length);
}

interface EvidentlyDistances {
  readonly psi: number;
  readonly jensenshannon: number;
  readonly kl_div: number;
  readonly bins: number;
}

function evidentlyBins(
  a: readonly number[],
  b: readonly number[],
  kind: 'numeric' | 'categorical',
): readonly [readonly number[], readonly number[]] {
  if (kind === 'categorical' || new Set(a).size <= 20) return byValue(a, b);
  const edges = sturges([...a, ...b]);
  return [histogram(a, edges), histogram(b, edges)];
}

function evidentlyDistances(counts: readonly [readonly number[], readonly number[]]): EvidentlyDistances {
  const [reference, current] = [filled(counts[0]), filled(counts[1])];
  return {
    psi: sumOf(reference.map((q, i) => (q - (current[i] ?? 0)) * Math.log(q / (current[i] ?? 0)))),
    jensenshannon: jensenShannon(counts[0], counts[1]),
    // The divergence of the reference from the current rows.
    kl_div: kullbackLeibler(current, reference),
    bins: counts[0].length,
  };
}

export function evidentlyNumeric(a: readonly number[], b: readonly number[]): Record<string, number> {
  const edges = sturges([...new Set([...a, ...b])]);
  const ks = ksTwoSample(a, b, {
    exactStepsMax: Math.max(a.length, b.length) <= 10_000 ? Infinity : 0,
    beyond: 'finite',
  });
  return {
    ...evidentlyDistances(evidentlyBins(a, b, 'numeric')),
    ks: ks.pValue,
    wasserstein: wasserstein1(a, b) / Math.max(spread(a), 0.001),
    hellinger: hellinger(histogram(a, edges), histogram(b, edges)),
  };
}

export function evidentlyCategorical(a: readonly number[], b: readonly number[]): Record<string, number> {
  const counts = evidentlyBins(a, b, 'categorical');
  return {
    ...evidentlyDistances(counts),
    chisquare: chiSquareGoodness(counts[1], counts[0]).pValue,
    hellinger: hellinger(counts[0], counts[1]),
  };
}

/** Current rows outside of the reference's bins are one bin more, empty in the reference. */
function withLeftover(
  reference: readonly number[],
  current: readonly number[],
  rows: number,
): readonly [readonly number[], readonly number[]] {
  return [
    [...reference, 0],
    [...current, rows - sumOf(current)],
  ];
}

/** From this many reference rows on NannyML estimates from this many equal bins of the reference's range. */
const estimateFrom = 10_000;

function nannymlKs(a: readonly number[], b: readonly number[]): number {
  if (a.length < estimateFrom) return ksTwoSample(a, b).statistic;
  const edges = equalEdges(...rangeOf(a), estimateFrom);
  const below = b.filter((x) => x < (edges[0] ?? 0)).length;
  const [reference, current] = [histogram(a, edges), histogram(b, edges)];
  let [most, before, beforeCurrent] = [0, 0, below];
  reference.forEach((count, i) => {
    before += count;
    beforeCurrent += current[i] ?? 0;
    most = Math.max(most, Math.abs(before / a.length - beforeCurrent / b.length));
  });
  return most;
}

/** Area under the empirical distribution function of `values`, or above it, between neighbouring values. */
function area(values: readonly number[], isAbove: boolean): number {
  const sorted = [...values].sort((x, y) => x - y);
  return sorted.slice(1).reduce((sum, x, i) => {
    const share = (i + 1) / sorted.length;
    return sum + (isAbove ? 1 - share : share) * (x - (sorted[i] ?? 0));
  }, 0);
}

function nannymlWasserstein(a: readonly number[], b: readonly number[]): number {
  if (a.length < estimateFrom) return wasserstein1(a, b);
  const [low, high] = rangeOf(a);
  const edges = equalEdges(low, high, estimateFrom);
  const below = b.filter((x) => x < low);
  const above = b.filter((x) => x > high);
  const shareBelow = below.length === 0 ? 0 : (below.length + 1) / b.length;
  const shareAbove = above.length === 0 ? 0 : (above.length + 1) / b.length;
  const [reference, current] = [histogram(a, edges), histogram(b, edges)];
  const width = (edges[1] ?? 0) - low;
  let [within, before, beforeCurrent] = [0, 0, 0];
  reference.forEach((count, i) => {
    before += count;
    beforeCurrent += current[i] ?? 0;
    within += Math.abs(before / a.length - beforeCurrent / b.length - shareBelow) * width;
  });
  return within + area([...below, low], false) * shareBelow + area([high, ...above], true) * shareAbove;
}

export function nannymlNumeric(a: readonly number[], b: readonly number[]): Record<string, number> {
  const edges = doane(a);
  const counts = withLeftover(histogram(a, edges), histogram(b, edges), b.length);
  return {
    kolmogorov_smirnov: nannymlKs(a, b),
    jensen_shannon: jensenShannon(counts[0], counts[1], { base: 2 }),
    wasserstein: nannymlWasserstein(a, b),
    hellinger: hellinger(counts[0], counts[1]),
  };
}

export function nannymlCategorical(a: readonly number[], b: readonly number[]): Record<string, number> {
  const counts = byValue(a, b);
  return {
    chi2: chiSquareTwoSample(counts[0], counts[1], { yates: true }).statistic,
    jensen_shannon: jensenShannon(counts[0], counts[1], { base: 2 }),
    l_infinity: largestShareDifference(counts[0], counts[1]),
    hellinger: hellinger(counts[0], counts[1]),
  };
}
