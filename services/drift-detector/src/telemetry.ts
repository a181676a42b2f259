import { drift } from '@everloop/contracts';
import type { Logger, Metrics } from '@everloop/service';
import type { Judgement } from '@everloop/drift';

/** What is told about the work: metrics always, one log line for each judged window. */
export interface Telemetry {
  readonly logger: Logger;
  counted(model: string, rows: number): void;
  judged(monitor: string, judgement: Judgement): void;
  latePane(model: string, rows: number): void;
  withoutBaseline(model: string, version: string, error: unknown): void;
}

const verdictLabel: Readonly<Record<string, string>> = {
  [drift.DriftVerdict.STABLE]: 'stable',
  [drift.DriftVerdict.DRIFTED]: 'drifted',
  [drift.DriftVerdict.INSUFFICIENT]: 'insufficient',
};

export function createTelemetry(logger: Logger, metrics: Metrics): Telemetry {
  const rows = metrics.counter('everloop_drift_rows_total', 'Predictions counted into panes', ['model']);
  const late = metrics.counter('everloop_drift_late_rows_total', 'Predictions that came after their window', ['model']);
  const windows = metrics.counter('everloop_drift_windows_total', 'Windows judged', ['model', 'verdict']);
  const requests = metrics.counter('everloop_drift_retraining_requests_total', 'Retrainings asked for', ['model']);
  const missing = metrics.counter('everloop_drift_baselines_missing_total', 'Look-ups without a usable baseline', [
    'model',
  ]);
  return {
    logger,
    counted: (model, count) => rows.inc({ model }, count),
    latePane: (model, count) => late.inc({ model }, count),
    withoutBaseline(model, version, error) {
      missing.inc({ model });
      logger.warn({ model, version, err: error }, 'no usable baseline');
    },
    judged(monitor, { report, request }) {
      const { model } = report;
      const verdict = verdictLabel[report.verdict] ?? 'unknown';
      windows.inc({ model, verdict });
      if (request !== null) requests.inc({ model });
      const window = [report.windowStartMs, report.windowEndMs].map((ms) => new Date(ms).toISOString());
      logger.info({ monitor, model, window, rows: report.rows, verdict, reason: report.reason }, 'window judged');
    },
  };
}
