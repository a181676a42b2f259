import { drift } from '@everloop/contracts';
import type { Logger, Metrics } from '@everloop/service';
import type { Decided } from '@everloop/drift';

/** What is told about the work: metrics always, one log line for each evaluated window and each decision. */
export interface Telemetry {
  readonly logger: Logger;
  counted(model: string, rows: number): void;
  evaluated(report: drift.DriftReport): void;
  decided(decided: Decided): void;
  /** A plan that windows are judged by from now on. */
  planned(plan: drift.AlarmPlan): void;
  /** Rows that no window can have: they came late, or there is no room. */
  refused(model: string, rows: number, why: 'late' | 'full'): void;
  /** Rows more than 31 days ahead of the watermark; they are taken. */
  ahead(model: string, rows: number): void;
  withoutBaseline(model: string, version: string, error: unknown): void;
  withoutHistory(model: string, version: string, error: unknown): void;
}

const verdictLabel: Readonly<Record<string, string>> = {
  [drift.DriftVerdict.STABLE]: 'stable',
  [drift.DriftVerdict.DRIFTED]: 'drifted',
  [drift.DriftVerdict.INSUFFICIENT]: 'insufficient',
};

const outcomeLabel: Readonly<Record<string, string>> = {
  [drift.RetrainOutcome.NONE]: 'none',
  [drift.RetrainOutcome.REQUESTED]: 'requested',
  [drift.RetrainOutcome.DEFERRED]: 'deferred',
  [drift.RetrainOutcome.SUPPRESSED]: 'suppressed',
};

export function createTelemetry(logger: Logger, metrics: Metrics): Telemetry {
  const rows = metrics.counter('everloop_drift_rows_total', 'Predictions counted into panes', ['model']);
  const late = metrics.counter('everloop_drift_late_rows_total', 'Predictions that came after their window', ['model']);
  const overflow = metrics.counter('everloop_drift_overflow_rows_total', 'Predictions for which there was no room', [
    'model',
  ]);
  const ahead = metrics.counter('everloop_drift_ahead_rows_total', 'Predictions over 31 days ahead of the watermark', [
    'model',
  ]);
  const windows = metrics.counter('everloop_drift_windows_total', 'Windows judged', ['model', 'verdict']);
  const requests = metrics.counter('everloop_drift_retraining_requests_total', 'Retrainings asked for', ['model']);
  const plans = metrics.counter('everloop_drift_plans_total', 'Alarm plans made, by status', ['model', 'status']);
  const missing = metrics.counter('everloop_drift_baselines_missing_total', 'Look-ups without a usable baseline', [
    'model',
  ]);
  const historyless = metrics.counter(
    'everloop_drift_histories_missing_total',
    'Look-ups without a usable history of the training rows',
    ['model'],
  );
  return {
    logger,
    counted: (model, count) => rows.inc({ model }, count),
    refused(model, count, why) {
      if (why === 'late') late.inc({ model }, count);
      else {
        overflow.inc({ model }, count);
        logger.error(
          { model, rows: count },
          'too many panes are held: are event times of the future, or does the watermark stand still?',
        );
      }
    },
    ahead: (model, count) => ahead.inc({ model }, count),
    withoutBaseline(model, version, error) {
      missing.inc({ model });
      logger.warn({ model, version, err: error }, 'no usable baseline');
    },
    withoutHistory(model, version, error) {
      historyless.inc({ model });
      logger.warn({ model, version, err: error }, 'no usable history of the training rows');
    },
    evaluated(report) {
      const { model, monitor } = report;
      const verdict = verdictLabel[report.verdict] ?? 'unknown';
      windows.inc({ model, verdict });
      const window = [report.windowStartMs, report.windowEndMs].map((ms) => new Date(ms).toISOString());
      logger.info({ monitor, model, window, rows: report.rows, verdict, reason: report.reason }, 'window evaluated');
    },
    planned({ monitor, model, baselineVersion: version, status, reason, id }) {
      plans.inc({ model, status });
      const isKept = status === 'calibrated' || status === 'checked';
      logger[isKept ? 'info' : 'warn']({ plan: id, monitor, model, version, status, reason }, 'alarm plan made');
    },
    decided({ decision, alerts }) {
      const { id, model, monitor, reportId, correlationId, reason } = decision;
      const outcome = outcomeLabel[decision.outcome] ?? 'unknown';
      if (decision.requestId !== '') requests.inc({ model });
      logger.info({ decision: id, monitor, model, reportId, correlationId, outcome, reason }, 'decided');
      for (const { kind, severity, resolved, message } of alerts)
        logger.warn({ monitor, model, kind, severity, resolved, correlationId }, message);
    },
  };
}
