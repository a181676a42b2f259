import type { drift } from '@everloop/contracts';
import { denseCounts, mergedCounts } from '../panes/counts.ts';
import type { Reference } from '../phases/references.ts';
import { learnedOf } from './learned-state.ts';
import type { WindowState } from './state.ts';
import type { DueWindow } from './windows.ts';

/** Windows that a reference is made of at least, so that one odd window is not what all others are compared with. */
export const learnedWindowsMin = 3;
/** Event time that they span together at least: a day, so that it has every hour. Milliseconds. */
export const learnedSpanMs = 86_400_000;

type Window = Pick<DueWindow, 'monitor' | 'startMs' | 'endMs' | 'counts'>;

/** Adds a window to what is known of a column. Windows that overlap one that is in it are left out: their rows would count twice. */
function teach(known: drift.LearnedField, window: Window, counts: drift.FieldCounts): boolean {
  if (window.startMs < known.untilMs && known.windows > 0) return false;
  known.counts = known.counts === undefined ? counts : mergedCounts(known.counts, counts);
  known.windows += 1;
  known.spanMs += window.endMs - window.startMs;
  known.untilMs = window.endMs;
  const values = valuesOf(known.counts);
  known.complete =
    known.windows >= learnedWindowsMin && known.spanMs >= learnedSpanMs && values >= window.monitor.spec.minRows;
  return true;
}

function valuesOf(counts: drift.FieldCounts | undefined): number {
  return (counts?.counts ?? []).reduce((sum, count) => sum + count, counts?.missing ?? 0);
}

/**
 * The reference with what service itself has taught about columns that no training row has (verdicts, attributions): for each the first windows of the
 * version in this Monitor's event time that have `minRows` rows and any value of the column, as many as are needed for `learnedWindowsMin`
 * windows, `learnedSpanMs` and `minRows` values. Windows that begin after the last of them are compared with them. Call it once for each window that
 * closes, in their order: a window teaches until the reference is complete, which then stays as it is. What is learned depends on the windows alone,
 * so neither on partitions nor on batches nor on restarts. O(columns × bins).
 */
export function withLearned(state: WindowState, window: Window, baseline: Reference): Reference {
  const { monitor, counts } = window;
  if (baseline === null || 'lack' in baseline) return baseline;
  const inService = baseline.fields.filter(({ origin }) => origin === 'service');
  if (inService.length === 0 || counts.rows < monitor.spec.minRows) return baseline;
  const learned = learnedOf(state, { monitor: monitor.name, model: counts.model, version: baseline.version });
  const byName = new Map(counts.fields.map((field) => [field.field, field]));
  const found = new Map<string, drift.FieldCounts>();
  let isTaught = false;
  for (const { reference } of inService) {
    const own = byName.get(reference.field);
    if (own === undefined || valuesOf(own) === 0) continue;
    const known = learned.fieldOf(reference.field);
    if (!known.complete) isTaught = teach(known, window, own) || isTaught;
    else if (window.startMs >= known.untilMs && known.counts !== undefined) found.set(reference.field, known.counts);
  }
  if (isTaught) learned.keep(window.endMs);
  if (found.size === 0) return baseline;
  const fields = baseline.fields.map((field) => {
    const own = found.get(field.reference.field);
    if (own === undefined) return field;
    const { reference } = field;
    return {
      ...field,
      reference: { ...reference, counts: [...denseCounts(own, reference.counts.length)], missing: own.missing },
    };
  });
  return { ...baseline, fields };
}
