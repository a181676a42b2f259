import type { drift } from '@everloop/contracts';
import { normalCdf, normalQuantile, type FieldReference } from '@everloop/stats';
import { denseCounts, sparseCounts } from '../panes/counts.ts';

/** Shares of the reference at or below each bin. */
function cumulative(counts: readonly number[]): readonly number[] {
  let total = 0;
  for (const count of counts) total += count;
  let below = 0;
  return counts.map((count) => (below += count) / Math.max(1, total));
}

/** Moves the rows of a field. */
export type Shift = (counts: drift.FieldCounts) => drift.FieldCounts;

/**
 * A shift by `sigmas` standard deviations of a field on its bins: with F the reference's distribution function a value x becomes
 * F⁻¹(Φ(Φ⁻¹(F(x)) + σ)), so that its normal score (van der Waerden 1952) moves by σ whatever the shape of the distribution, and rows at or below
 * an edge e are those that were at or below F⁻¹(Φ(Φ⁻¹(F(e)) - σ)). Within a bin rows are taken as spread evenly; their numbers are rounded at
 * the edges, so that none is lost. Categories are taken in their order (most frequent first). O(bins) a call.
 */
export function shiftOf(reference: FieldReference, sigmas: number): Shift {
  const shares = cumulative(reference.counts);
  const size = shares.length;
  const sources = shares.map((share, i) =>
    i === size - 1 || share >= 1 ? 1 : normalCdf(normalQuantile(share) - sigmas),
  );
  return (counts) => {
    const rows = denseCounts(counts, size);
    const moved: number[] = new Array<number>(size).fill(0);
    let [bin, passed, before] = [0, 0, 0];
    for (let i = 0; i < size; i += 1) {
      const source = sources[i] ?? 1;
      while (bin < size && (shares[bin] ?? 1) <= source) {
        passed += rows[bin] ?? 0;
        bin += 1;
      }
      const from = bin === 0 ? 0 : (shares[bin - 1] ?? 0);
      const width = (shares[bin] ?? 1) - from;
      const part = bin < size && width > 0 ? (rows[bin] ?? 0) * ((source - from) / width) : 0;
      const reached = i === size - 1 ? passed + (bin < size ? (rows[bin] ?? 0) : 0) : Math.round(passed + part);
      moved[i] = reached - before;
      before = reached;
    }
    return sparseCounts(counts.field, moved, counts.missing);
  };
}
