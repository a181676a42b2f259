import type { drift } from '@everloop/contracts';
import type { Baseline } from '../panes/baseline.ts';
import { addPane, emptyPane } from '../panes/counts.ts';
import { phaseReferences, referenceWithout } from '../phases/references.ts';
import { windowWidthMs } from '../windows/spans.ts';
import type { NamedMonitor } from '../windows/state.ts';
import type { DueWindow } from '../windows/windows.ts';

/** Windows of a history that are evaluated at most, the newest; with 50 fields about 2 s for one significance. */
export const windowsMax = 1_000;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** A window of the history with the reference that it is honest to compare it with. */
export interface HistoryWindow {
  readonly window: DueWindow;
  readonly reference: Baseline;
}

/** How far apart windows begin, milliseconds. */
export function windowStepMs({ spec }: NamedMonitor): number {
  const width = windowWidthMs(spec);
  return spec.slideMs === undefined ? width : Math.min(width, Math.max(1, Math.ceil(spec.slideMs / hourMs)) * hourMs);
}

/** Windows that make up a day, and so return with the same hours; 1 where they do not divide it. */
export function windowsPerDay(monitor: NamedMonitor): number {
  const step = windowStepMs(monitor);
  return step < dayMs && dayMs % step === 0 ? dayMs / step : 1;
}

function windowFrom(monitor: NamedMonitor, startMs: number, panes: readonly drift.Pane[]): DueWindow {
  const endMs = startMs + windowWidthMs(monitor.spec);
  const { model } = monitor.spec;
  const counts = emptyPane(model, panes[0]?.baselineVersion ?? '', startMs, endMs - startMs);
  for (const pane of panes) addPane(counts, pane);
  return { monitor, startMs, endMs, counts, carried: 0, lateRows: 0, watermarkMs: endMs };
}

/**
 * The windows that a Monitor would have seen of a history, in the order of time, each with the reference of its phases less its own rows.
 * Panes are wide at most as a window is far from the next, else there are none. O(panes × fields × bins).
 */
export function* historyWindows(
  baseline: Baseline,
  panes: readonly drift.Pane[],
  monitor: NamedMonitor,
): Generator<HistoryWindow> {
  const [stepMs, widthMs] = [windowStepMs(monitor), windowWidthMs(monitor.spec)];
  if (panes.some((pane) => (pane.widthMs || hourMs) > stepMs)) return;
  const references = phaseReferences(baseline, monitor.spec.reference.phase, panes);
  const byStep = new Map<number, drift.Pane[]>();
  for (const pane of panes) {
    const step = Math.floor(pane.startMs / stepMs);
    const own = byStep.get(step);
    if (own === undefined) byStep.set(step, [pane]);
    else own.push(pane);
  }
  const steps = [...byStep.keys()].sort((a, b) => a - b).slice(-windowsMax);
  for (const step of steps) {
    const own = Array.from({ length: widthMs / stepMs }, (_, i) => byStep.get(step + i) ?? []).flat();
    const window = windowFrom(monitor, step * stepMs, own);
    yield { window, reference: referenceWithout(references, window, window.counts) };
  }
}
