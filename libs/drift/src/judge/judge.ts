import { drift, eventId, type MonitorSpec, type training } from '@everloop/contracts';
import { judgeFields, type FieldCounts, type FieldDistance, type FieldReference } from '@everloop/stats';
import type { Baseline } from '../panes/baseline.ts';
import { denseCounts, predictionsOf } from '../panes/pane.ts';
import type { DueWindow, WindowState } from '../windows/windows.ts';

/** What a closed window leads to. */
export interface Judgement {
  readonly report: drift.DriftReport;
  readonly alert: drift.DriftAlert | null;
  readonly request: training.RetrainingRequested | null;
}

/** Fields that are named in a reason. */
const namedMax = 3;

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

function watched(spec: MonitorSpec, field: string): boolean {
  return spec.fields === 'all' || spec.fields.includes(field);
}

function distancesOf(window: DueWindow, baseline: Baseline): readonly FieldDistance[] {
  const { spec } = window.monitor;
  const counts = new Map(window.counts.fields.map((field) => [field.field, field]));
  const pairs = baseline.fields
    .filter(({ reference }) => watched(spec, reference.field))
    .map(({ reference }) => ({
      reference,
      current: countsOf(counts.get(reference.field), reference),
    }));
  return judgeFields(pairs, { psi: spec.psi, significance: spec.significance });
}

function countsOf(counts: drift.FieldCounts | undefined, reference: FieldReference): FieldCounts {
  const { field } = reference;
  if (counts === undefined) return { field, counts: [], missing: 0 };
  return { field, counts: denseCounts(counts, reference.counts.length), missing: counts.missing };
}

function toFieldDrift(distance: FieldDistance): drift.FieldDrift {
  const { field, psi, psiCritical, missingRatio, drifted } = distance;
  const { ksStatistic, ksPValue } = distance;
  return drift.FieldDrift.fromPartial({ field, ksStatistic, ksPValue, psi, psiCritical, missingRatio, drifted });
}

/** Worst fields first, with their numbers. */
function describeFields(fields: readonly drift.FieldDrift[]): string {
  const worst = [...fields].sort((a, b) => b.psi - a.psi || (a.field < b.field ? -1 : 1));
  const named = worst.slice(0, namedMax).map(({ field, psi, ksStatistic }) => {
    const ks = ksStatistic === undefined ? '' : `, KS ${ksStatistic.toFixed(3)}`;
    return `${field} (PSI ${psi.toFixed(3)}${ks})`;
  });
  return named.join(', ') + (worst.length > namedMax ? ` and ${worst.length - namedMax} more` : '');
}

function insufficiency(window: DueWindow, baseline: Baseline | null): string | null {
  const { counts, monitor } = window;
  if (baseline === null) {
    const version = counts.baselineVersion;
    return version === '' ? 'no champion, so no baseline' : `version ${version} has no baseline`;
  }
  if (counts.rows >= monitor.spec.minRows) return null;
  const predictions = predictionsOf(counts);
  const share = predictions === counts.rows ? '' : `, logged of about ${predictions} predictions`;
  return `insufficient rows: ${counts.rows} of at least ${monitor.spec.minRows}${share}`;
}

/**
 * Judges a closed window and decides what to do: report always, alert on drift, ask for retraining unless the monitor says not to or is in
 * its cool-down, which begins with each request and runs in event time. Moves the cool-down in `state`.
 */
export function judgeWindow(state: WindowState, window: DueWindow, baseline: Baseline | null): Judgement {
  const { monitor, counts, startMs, endMs } = window;
  const { name, spec } = monitor;
  const lack = insufficiency(window, baseline);
  const fields = lack !== null || baseline === null ? [] : distancesOf(window, baseline).map(toFieldDrift);
  const drifted = fields.filter((field) => field.drifted);
  const isDrifted = lack === null && drifted.length >= spec.minDriftedFields;
  const id = eventId('drift-report', name, spec.model, counts.baselineVersion, String(endMs));
  const report = (verdict: drift.DriftVerdict, reason: string): drift.DriftReport =>
    drift.DriftReport.fromPartial({
      id,
      model: spec.model,
      baselineVersion: counts.baselineVersion,
      windowStartMs: startMs,
      windowEndMs: endMs,
      rows: counts.rows,
      predictions: predictionsOf(counts),
      fields,
      verdict,
      reason,
      monitor: name,
    });
  if (lack !== null)
    return { report: report(drift.DriftVerdict.INSUFFICIENT, `none: ${lack}`), alert: null, request: null };
  if (!isDrifted) {
    const reason = `none: stable, ${drifted.length} of ${fields.length} fields drifted, ${spec.minDriftedFields} needed`;
    return { report: report(drift.DriftVerdict.STABLE, reason), alert: null, request: null };
  }
  const finding = `${drifted.length} of ${fields.length} fields drifted from version ${counts.baselineVersion} in ${iso(startMs)} to ${iso(endMs)}: ${describeFields(drifted)}`;
  const alert = drift.DriftAlert.fromPartial({
    id: eventId('drift-alert', id),
    model: spec.model,
    fields: drifted.map(({ field }) => field),
    reportId: id,
    eventTimeMs: endMs,
    message: finding,
    monitor: name,
    kind: 'data',
    severity: 'ticket',
    startedAtMs: endMs,
  });
  const coolDownUntilMs = state.coolDownUntilMs.get(name) ?? -Infinity;
  if (!spec.retrain)
    return {
      report: report(drift.DriftVerdict.DRIFTED, 'alert only: the monitor does not retrain'),
      alert,
      request: null,
    };
  if (endMs < coolDownUntilMs) {
    return {
      report: report(drift.DriftVerdict.DRIFTED, `alert only: in cool-down until ${iso(coolDownUntilMs)}`),
      alert,
      request: null,
    };
  }
  state.coolDownUntilMs.set(name, endMs + spec.coolDownMs);
  const request: training.RetrainingRequested = {
    id: eventId('retraining', 'drift', id),
    model: spec.model,
    trigger: 'drift',
    reason: finding,
    eventTimeMs: endMs,
    causeId: id,
  };
  return { report: report(drift.DriftVerdict.DRIFTED, `retraining requested: ${finding}`), alert, request };
}
