import type { drift } from '@everloop/contracts';
import type { Baseline } from '../panes/baseline.ts';
import { addPane, emptyPane } from '../panes/counts.ts';
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

type Counts = ReadonlyMap<string, { readonly counts: Float64Array; missing: number }>;

function emptyCounts(baseline: Baseline): Counts {
  return new Map(
    baseline.fields.map(({ reference }) => [
      reference.field,
      { counts: new Float64Array(reference.counts.length), missing: 0 },
    ]),
  );
}

function addTo(into: Counts, fields: readonly drift.FieldCounts[], sign: 1 | -1): void {
  for (const { field, bins, counts, missing } of fields) {
    const known = into.get(field);
    if (known === undefined) continue;
    for (let i = 0; i < bins.length; i += 1) {
      const bin = bins[i] ?? 0;
      known.counts[bin] = (known.counts[bin] ?? 0) + sign * (counts[i] ?? 0);
    }
    known.missing += sign * missing;
  }
}

/** Phase that a pane belongs to; 0 for all where references have none. */
function phaseOf({ spec }: NamedMonitor, startMs: number): number {
  const { phase } = spec.reference;
  if (phase === 'none') return 0;
  return phase === 'hour' ? Math.floor(startMs / hourMs) % 24 : Math.floor(startMs / dayMs) % 7;
}

/** A baseline with other counts; null where they are not a part of it, so that a count is negative. */
function withCounts(baseline: Baseline, counts: Counts, rows: number): Baseline | null {
  const isPart = [...counts.values()].every((own) => own.missing >= 0 && !own.counts.some((count) => count < 0));
  if (!isPart) return null;
  const fields = baseline.fields.map((field) => {
    const own = counts.get(field.reference.field);
    if (own === undefined) return field;
    return { ...field, reference: { ...field.reference, counts: [...own.counts], missing: own.missing } };
  });
  return { ...baseline, fields, rows };
}

function referenceCounts(baseline: Baseline): Counts {
  return new Map(
    baseline.fields.map(({ reference }) => [
      reference.field,
      { counts: Float64Array.from(reference.counts), missing: reference.missing },
    ]),
  );
}

/** The reference of the phases of a window, without the rows of the window itself: it would else be compared with a part of itself. */
function referenceOf(
  baseline: Baseline,
  byPhase: ReadonlyMap<number, { readonly counts: Counts; readonly rows: number }>,
  window: DueWindow,
  phases: ReadonlySet<number>,
): Baseline {
  const isWhole = byPhase.size === 0;
  const sums = isWhole ? referenceCounts(baseline) : emptyCounts(baseline);
  let rows = isWhole ? baseline.rows : 0;
  for (const phase of phases) {
    const part = byPhase.get(phase);
    if (part === undefined) continue;
    rows += part.rows;
    for (const [field, { counts, missing }] of part.counts) {
      const sum = sums.get(field);
      if (sum === undefined) continue;
      for (let i = 0; i < counts.length; i += 1) sum.counts[i] = (sum.counts[i] ?? 0) + (counts[i] ?? 0);
      sum.missing += missing;
    }
  }
  addTo(sums, window.counts.fields, -1);
  return withCounts(baseline, sums, rows - window.counts.rows) ?? baseline;
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
  const byPhase = new Map<number, { counts: Counts; rows: number }>();
  if (monitor.spec.reference.phase !== 'none') {
    for (const pane of panes) {
      const phase = phaseOf(monitor, pane.startMs);
      const part = byPhase.get(phase) ?? { counts: emptyCounts(baseline), rows: 0 };
      addTo(part.counts, pane.fields, 1);
      part.rows += pane.rows;
      byPhase.set(phase, part);
    }
  }
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
    const phases = new Set(own.map((pane) => phaseOf(monitor, pane.startMs)));
    yield { window, reference: referenceOf(baseline, byPhase, window, phases) };
  }
}
