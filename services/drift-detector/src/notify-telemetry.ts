import type { Logger, Metrics } from '@everloop/service';
import type { Notice } from './domain/alarm.ts';

/** What is told about telling others. */
export interface NotifyTelemetry {
  /** `stale`: too old to be told. */
  notified(target: string, outcome: 'delivered' | 'stale', notices: number): void;
  undelivered(target: string, outcome: 'failed' | 'refused', notices: readonly Notice[], error: unknown): void;
}

export function createNotifyTelemetry(logger: Logger, metrics: Metrics): NotifyTelemetry {
  const sent = metrics.counter('everloop_drift_notifications_total', 'Alerts sent to Alertmanager or a webhook', [
    'target',
    'outcome',
  ]);
  return {
    notified(target, outcome, notices) {
      sent.inc({ target, outcome }, notices);
      if (outcome === 'stale') logger.warn({ target }, 'an alert is too old to be told');
    },
    undelivered(target, outcome, notices, error) {
      sent.inc({ target, outcome }, Math.max(1, notices.length));
      logger.error({ target, alerts: notices.map(({ alert }) => alert.id), err: error }, 'alert not delivered');
    },
  };
}
