import { drift } from '@everloop/contracts';
import type { Logger, Metrics } from '@everloop/service';

/** What is told about judging quality: metrics, and one log line for each window. */
export interface QualityTelemetry {
  judged(report: drift.QualityReport): void;
}

const verdictLabel: Readonly<Record<string, string>> = {
  [drift.DriftVerdict.STABLE]: 'stable',
  [drift.DriftVerdict.DRIFTED]: 'drifted',
  [drift.DriftVerdict.INSUFFICIENT]: 'insufficient',
};

export function createQualityTelemetry(logger: Logger, metrics: Metrics): QualityTelemetry {
  const windows = metrics.counter('everloop_drift_quality_windows_total', 'Windows of outcomes judged', [
    'model',
    'kind',
    'verdict',
  ]);
  return {
    judged(report) {
      const { model, modelVersion: version, monitor, kind, slice, reason } = report;
      const verdict = verdictLabel[report.verdict] ?? 'unknown';
      windows.inc({ model, kind, verdict });
      const window = [report.windowStartMs, report.windowEndMs].map((ms) => new Date(ms).toISOString());
      logger.info({ monitor, model, version, kind, slice, window, verdict, reason }, 'quality judged');
    },
  };
}
