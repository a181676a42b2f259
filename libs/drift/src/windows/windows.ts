import type { drift } from '@everloop/contracts';
import { addPane, emptyPane } from '../panes/counts.ts';
import { compareVersions, firstEndMs, isTumbling, lastEndMs, windowWidthMs } from './spans.ts';
import { cursorOf, forgetPanes, moveWatermark, type NamedMonitor, type WindowState } from './state.ts';

/** A window that the watermark has passed, with the counts against its newest baseline. */
export interface DueWindow {
  readonly monitor: NamedMonitor;
  readonly startMs: number;
  readonly endMs: number;
  readonly counts: drift.Pane;
  /** Windows with too few rows that are in it. */
  readonly carried: number;
  /** Rows that came after their window was closed, since the window before. */
  readonly lateRows: number;
  /** What closed it. */
  readonly watermarkMs: number;
}

/** End of the next window that is due and has rows, or carried ones. O(panes). */
function nextEnd(state: WindowState, { name, spec }: NamedMonitor, own: readonly drift.Pane[]): number | null {
  const cursor = state.cursors.get(name);
  const closedMs = cursor?.closedUntilMs ?? -Infinity;
  // What is carried over ends with the next window, whether or not that has rows of its own.
  const isCarried = (cursor?.carriedFromMs ?? null) !== null;
  let next = isCarried ? firstEndMs(spec, closedMs) : Infinity;
  for (const { startMs } of own) {
    const end = firstEndMs(spec, Math.max(startMs, closedMs));
    if (end <= lastEndMs(spec, startMs)) next = Math.min(next, end);
  }
  // Also at the end of time only what is there is closed.
  return next < Infinity && next + spec.allowedLatenessMs <= state.watermarkMs ? next : null;
}

function countsBetween(
  own: readonly drift.Pane[],
  model: string,
  span: { readonly startMs: number; readonly endMs: number },
): drift.Pane {
  const within = own.filter(({ startMs }) => startMs >= span.startMs && startMs < span.endMs);
  let newest = '';
  for (const { baselineVersion } of within) if (compareVersions(baselineVersion, newest) > 0) newest = baselineVersion;
  const counts = emptyPane(model, newest, span.startMs, span.endMs - span.startMs);
  for (const pane of within) if (pane.baselineVersion === newest) addPane(counts, pane);
  counts.fields = counts.fields.toSorted((a, b) => (a.field < b.field ? -1 : 1));
  return counts;
}

function closeOne(state: WindowState, monitor: NamedMonitor, own: readonly drift.Pane[], endMs: number): DueWindow {
  const { name, spec } = monitor;
  const cursor = cursorOf(state, name);
  const ownStartMs = endMs - windowWidthMs(spec);
  const startMs = isTumbling(spec) ? Math.min(ownStartMs, cursor.carriedFromMs ?? ownStartMs) : ownStartMs;
  const carried = startMs < ownStartMs ? cursor.carried : 0;
  const counts = countsBetween(own, spec.model, { startMs, endMs });
  const isCarried = isTumbling(spec) && counts.rows < spec.minRows && carried < spec.carry;
  const { lateRows } = cursor;
  cursor.closedUntilMs = endMs;
  cursor.carriedFromMs = isCarried ? startMs : null;
  cursor.carried = isCarried ? carried + 1 : 0;
  cursor.lateRows = 0;
  return { monitor, startMs, endMs, counts, carried, lateRows, watermarkMs: state.watermarkMs };
}

function closeOf(state: WindowState, monitor: NamedMonitor): readonly DueWindow[] {
  const own = [...state.panes.values()].filter(({ model }) => model === monitor.spec.model);
  const due: DueWindow[] = [];
  for (;;) {
    const endMs = nextEnd(state, monitor, own);
    if (endMs === null) return due;
    due.push(closeOne(state, monitor, own, endMs));
  }
}

/**
 * Closes the windows whose end the watermark has passed by the allowed lateness, in the order of their ends, then of their monitors, and forgets
 * panes that no window needs. A window is judged by the newest baseline in it, on the rows counted against that one. Of windows that follow each other
 * one with fewer than `minRows` rows is closed all the same, and carried over into the next, at most `carry` times. One without rows is not
 * reported, unless what was carried over ends with it. O(panes × windows that close).
 */
export function closeWindows(
  state: WindowState,
  monitors: readonly NamedMonitor[],
  watermarkMs: number,
): readonly DueWindow[] {
  moveWatermark(state, watermarkMs);
  const due = monitors
    .flatMap((monitor) => closeOf(state, monitor))
    .sort((a, b) => a.endMs - b.endMs || (a.monitor.name < b.monitor.name ? -1 : 1));
  forgetPanes(state, monitors);
  return due;
}
