import type { drift, MonitorSpec } from '@everloop/contracts';
import { addPane, emptyPane } from '../panes/counts.ts';
import { paneMs } from '../panes/pane.ts';

/** A Monitor with its name. */
export interface NamedMonitor {
  readonly name: string;
  readonly revision: number;
  readonly spec: MonitorSpec;
}

/** Event time that is kept of a model that has no Monitor yet, so that its first window is whole. Milliseconds. */
const withoutMonitorMs = 31 * 86_400_000;

/** Counts by model, version and day, and how far each Monitor has judged. Changed in place by this module's functions. */
export interface WindowState {
  readonly panes: Map<string, drift.Pane>;
  /** By monitor: end of the last window that was closed. */
  readonly closedUntilMs: Map<string, number>;
  /** By monitor: no retraining is asked for before this event time. */
  readonly coolDownUntilMs: Map<string, number>;
  watermarkMs: number;
}

export function createWindowState(): WindowState {
  return { panes: new Map(), closedUntilMs: new Map(), coolDownUntilMs: new Map(), watermarkMs: -Infinity };
}

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

/** Width of a monitor's windows: whole hours, rounded up. Milliseconds. */
export function windowWidthMs(spec: MonitorSpec): number {
  return Math.max(1, Math.ceil(spec.windowMs / paneMs)) * paneMs;
}

/** Start of the window that an event time lies in; windows are aligned to 1970-01-01T00:00Z. */
export function windowStartMs(spec: MonitorSpec, eventTimeMs: number): number {
  const width = windowWidthMs(spec);
  return Math.floor(eventTimeMs / width) * width;
}

/** Merges a pane. False when its day had passed: no window will see it. */
export function takePane(state: WindowState, pane: drift.Pane): boolean {
  if (pane.startMs + paneMs <= state.watermarkMs) return false;
  const key = `${pane.model}\n${pane.baselineVersion}\n${pane.startMs}`;
  const known = state.panes.get(key);
  if (known === undefined) state.panes.set(key, pane);
  else addPane(known, pane);
  return true;
}

/** Order of versions: numbers by value, before other names by code unit. */
export function compareVersions(a: string, b: string): number {
  const [x, y] = [Number(a === '' ? Number.NaN : a), Number(b === '' ? Number.NaN : b)];
  if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y;
  if (Number.isNaN(x) !== Number.isNaN(y)) return Number.isNaN(x) ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

function windowsOf(state: WindowState, monitor: NamedMonitor): readonly DueWindow[] {
  const { name, spec } = monitor;
  const closedMs = state.closedUntilMs.get(name) ?? -Infinity;
  const widthMs = windowWidthMs(spec);
  const newest = new Map<number, string>();
  const own = [...state.panes.values()].filter(({ model }) => model === spec.model);
  for (const pane of own) {
    const startMs = windowStartMs(spec, pane.startMs);
    const endMs = startMs + widthMs;
    if (endMs > state.watermarkMs || endMs <= closedMs) continue;
    const version = newest.get(startMs);
    if (version === undefined || compareVersions(pane.baselineVersion, version) > 0)
      newest.set(startMs, pane.baselineVersion);
  }
  return [...newest].map(([startMs, version]) => {
    const counts = emptyPane(spec.model, version, startMs, widthMs);
    for (const pane of own) {
      if (pane.baselineVersion === version && windowStartMs(spec, pane.startMs) === startMs) addPane(counts, pane);
    }
    const { watermarkMs } = state;
    return { monitor, startMs, endMs: startMs + widthMs, counts, carried: 0, lateRows: 0, watermarkMs };
  });
}

/**
 * Closes the windows that the watermark has passed, in the order of their ends, then of their monitors, and forgets panes that no window
 * needs. A window is judged by the newest baseline in it, on the rows counted against that one; one without rows is not reported.
 */
export function closeWindows(
  state: WindowState,
  monitors: readonly NamedMonitor[],
  watermarkMs: number,
): readonly DueWindow[] {
  state.watermarkMs = Math.max(state.watermarkMs, watermarkMs);
  const due = monitors
    .flatMap((monitor) => windowsOf(state, monitor))
    .sort((a, b) => a.endMs - b.endMs || (a.monitor.name < b.monitor.name ? -1 : 1));
  for (const { monitor, endMs } of due) state.closedUntilMs.set(monitor.name, endMs);
  for (const [key, pane] of state.panes) {
    const own = monitors.filter(({ spec }) => spec.model === pane.model);
    const isNeeded =
      own.length === 0
        ? pane.startMs + withoutMonitorMs > state.watermarkMs
        : own.some(({ spec }) => windowStartMs(spec, pane.startMs) + windowWidthMs(spec) > state.watermarkMs);
    if (!isNeeded) state.panes.delete(key);
  }
  return due;
}
