/** Why scores of a shadow were not taken. */
export type ShadowDrop = 'full' | 'deadline' | 'failed';

/** What a shadow has shown since it became one. */
export interface ShadowReport extends Difference {
  readonly model: string;
  readonly version: string;
}

/** How far a shadow's scores are from the answers. */
interface Difference {
  rows: number;
  sumAbs: number;
  maxAbs: number;
  /** Rows that differ by more than the tolerance. */
  over: number;
}

export function noDifference(): Difference {
  return { rows: 0, sumAbs: 0, maxAbs: 0, over: 0 };
}

/** Adds the rows of one request, in place. O(rows). */
export function addDifference(
  difference: Difference,
  answered: Float64Array,
  shadowed: Float64Array,
  tolerance: number,
): void {
  for (const [row, score] of answered.entries()) {
    const gap = Math.abs(score - (shadowed[row] ?? Number.NaN));
    difference.rows += 1;
    difference.sumAbs += gap;
    difference.maxAbs = Math.max(difference.maxAbs, gap);
    if (gap > tolerance) difference.over += 1;
  }
}
