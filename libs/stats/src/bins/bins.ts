/**
 * Quantile `q` in [0, 1] of ascending values by linear interpolation (type 7 of the source, NumPy's default). NaN when empty.
 *
 * Source: R. J. Hyndman and Y. Fan (1996), Sample quantiles in statistical packages, The American Statistician 50, 361-365.
 *
 * @example
 * sortedQuantile([1, 2, 3, 4], 0.5) // → 2.5
 */
export function sortedQuantile(sorted: ArrayLike<number>, q: number): number {
  const place = (sorted.length - 1) * q;
  const low = sorted[Math.floor(place)] ?? Number.NaN;
  const high = sorted[Math.floor(place) + 1] ?? low;
  const t = place - Math.floor(place);
  // From the nearer end, so that t = 1 gives `high` exactly.
  return t < 0.5 ? low + (high - low) * t : high - (high - low) * (1 - t);
}

/**
 * Inner edges, strictly ascending, that cut the finite values into at most `bins` bins of about equal count; equal quantiles are one edge.
 * Outer bins are open. O(n log n).
 *
 * Source: Hyndman and Fan (1996), type 7.
 *
 * @example
 * quantileEdges([1, 2, 3, 4, 5], 2) // → [3]
 */
export function quantileEdges(values: ArrayLike<number>, bins: number): readonly number[] {
  const sorted = Float64Array.from(values).filter(Number.isFinite).sort();
  if (sorted.length === 0) return [];
  const edges: number[] = [];
  for (let i = 1; i < bins; i += 1) {
    const edge = sortedQuantile(sorted, i / bins);
    if (edges.length === 0 || edge > (edges[edges.length - 1] ?? Infinity)) edges.push(edge);
  }
  return edges;
}

/**
 * Bin of `x` among `edges.length + 1` bins; bin i holds edges[i - 1] < x <= edges[i]. -1 for NaN. O(log bins).
 *
 * Source: bisection; the convention of drift.v1.FieldReference.
 *
 * @example
 * [0, 1, 1.5, 9].map((x) => binIndex([1, 2], x)) // → [0,0,1,2]
 */
export function binIndex(edges: ArrayLike<number>, x: number): number {
  if (Number.isNaN(x)) return -1;
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((edges[middle] ?? Infinity) < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Bin of a score in [0, 1] among `bins` equal bins; outside values go to the outer bins, NaN to the first.
 *
 * Source: outcomes.v1.OutcomeStats.
 *
 * @example
 * [0, 0.005, 0.999, 1].map((score) => scoreBin(score, 200)) // → [0,1,199,199]
 */
export function scoreBin(score: number, bins: number): number {
  const bin = Math.floor(score * bins);
  return bin > 0 ? Math.min(bins - 1, bin) : 0;
}

/**
 * Groups of adjacent bins with about equal reference counts: for each bin the number of its group, from 0, at most `groups` of them. Depends on
 * the reference alone, so that every window is judged on the same groups. O(bins).
 *
 * Source: equal-frequency binning as for PSI in Yurdakul and Naranjo (2020), on bins that are there already.
 *
 * @example
 * groupBins([1, 1, 1, 1], 2) // → [0,0,1,1]
 */
export function groupBins(reference: readonly number[], groups: number): readonly number[] {
  const total = reference.reduce((sum, count) => sum + count, 0);
  let seen = 0;
  let group = -1;
  let shareBefore = -1;
  return reference.map((count) => {
    // By its middle, so that a heavy bin (an atom of the distribution) stands alone.
    const share = total === 0 ? 0 : Math.min(groups - 1, Math.floor(((seen + count / 2) * groups) / total));
    if (share !== shareBefore) group += 1;
    shareBefore = share;
    seen += count;
    return group;
  });
}

/**
 * Counts added up by group, as `groupBins` numbers them.
 *
 * Source: plain sums.
 *
 * @example
 * sumByGroup([1, 2, 3], [0, 0, 1]) // → [3,3]
 */
export function sumByGroup(counts: readonly number[], groupOf: readonly number[]): readonly number[] {
  const sums: number[] = Array.from({ length: (groupOf[groupOf.length - 1] ?? -1) + 1 }, () => 0);
  counts.forEach((count, i) => {
    const group = groupOf[i] ?? 0;
    sums[group] = (sums[group] ?? 0) + count;
  });
  return sums;
}
