import { drift, eventId, type training } from '@everloop/contracts';
import type { Baseline } from '../panes/baseline.ts';
import { cursorOf, type WindowState } from '../windows/state.ts';
import type { DueWindow } from '../windows/windows.ts';
import { evaluateWindow, policyOf } from './evaluate.ts';

/** What a closed window leads to. */
export interface Judgement {
  readonly report: drift.DriftReport;
  readonly alert: drift.DriftAlert | null;
  readonly request: training.RetrainingRequested | null;
}

/**
 * Evaluates a closed window and decides what to do: alert on drift, ask for retraining unless the monitor says not to or is in its cool-down,
 * which begins with each request and runs in event time. Moves the cool-down in `state`.
 */
export function judgeWindow(state: WindowState, window: DueWindow, baseline: Baseline | null): Judgement {
  const { name, spec } = window.monitor;
  const report = evaluateWindow(window, baseline, policyOf(spec));
  if (report.verdict !== drift.DriftVerdict.DRIFTED) return { report, alert: null, request: null };
  const { id, reason, windowEndMs } = report;
  const alert = drift.DriftAlert.fromPartial({
    id: eventId('drift-alert', id),
    model: spec.model,
    fields: report.fields.filter(({ drifted }) => drifted).map(({ field }) => field),
    reportId: id,
    eventTimeMs: windowEndMs,
    message: reason,
    monitor: name,
    kind: 'data',
    severity: 'ticket',
    startedAtMs: windowEndMs,
  });
  const coolDownUntilMs = state.cursors.get(name)?.coolDownUntilMs ?? -Infinity;
  if (!spec.retrain || windowEndMs < coolDownUntilMs) return { report, alert, request: null };
  cursorOf(state, name).coolDownUntilMs = windowEndMs + spec.coolDownMs;
  const request: training.RetrainingRequested = {
    id: eventId('retraining', 'drift', id),
    model: spec.model,
    trigger: 'drift',
    reason,
    eventTimeMs: windowEndMs,
    causeId: id,
    correlationId: id,
  };
  return { report, alert, request };
}
