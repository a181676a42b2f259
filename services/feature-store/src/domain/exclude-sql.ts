/** Event times that must not train, [fromMs, untilMs), epoch milliseconds UTC. */
export interface ExcludedRange {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Most ranges after merging; each is part of one SQL expression. */
export const excludedRangesMax = 1_000;

/** The ranges ascending and apart from each other, without empty ones: equal for equal sets of times. O(n log n). */
export function mergeRanges(ranges: readonly ExcludedRange[]): readonly ExcludedRange[] {
  const merged: { fromMs: number; untilMs: number }[] = [];
  for (const { fromMs, untilMs } of ranges.toSorted((a, b) => a.fromMs - b.fromMs)) {
    if (!(fromMs < untilMs)) continue;
    const last = merged.at(-1);
    if (last !== undefined && fromMs <= last.untilMs) last.untilMs = Math.max(last.untilMs, untilMs);
    else merged.push({ fromMs, untilMs });
  }
  return merged;
}

/**
 * A condition that holds where none of the times lies in a range, or empty when there is nothing to exclude. `times` are SQL
 * expressions of epoch milliseconds that are never null.
 *
 * @example notExcludedSql(['t'], [{ fromMs: 1, untilMs: 5 }]) // ' AND NOT ((t >= 1 AND t < 5))'
 */
export function notExcludedSql(times: readonly string[], ranges: readonly ExcludedRange[]): string {
  const parts = mergeRanges(ranges).flatMap(({ fromMs, untilMs }) =>
    times.map((time) => `(${time} >= ${fromMs} AND ${time} < ${untilMs})`),
  );
  return parts.length === 0 ? '' : ` AND NOT (${parts.join(' OR ')})`;
}
