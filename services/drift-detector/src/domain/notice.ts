import type { Notice } from './alarm.ts';

/** One element of the body of `POST /api/v2/alerts` of Alertmanager. */
export interface AlertmanagerAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** RFC 3339. */
  readonly startsAt: string;
  readonly endsAt: string;
}

/** Body of a webhook call; its id repeats when a call is repeated. */
export interface WebhookPayload {
  readonly version: '1';
  readonly id: string;
  readonly type: 'io.everloop.drift.detected.v1' | 'io.everloop.drift.resolved.v1';
  readonly status: 'firing' | 'resolved';
  readonly alertname: string;
  readonly severity: string;
  readonly model: string;
  readonly modelVersion: string;
  readonly monitor: string;
  readonly kind: string;
  /** Empty: all predictions. */
  readonly slice: string;
  readonly fields: readonly string[];
  readonly message: string;
  readonly runbookUrl: string;
  readonly reportId: string;
  /** Event time of the window that says it; RFC 3339. */
  readonly eventTime: string;
  /** Event time since when the alarm is up; RFC 3339. */
  readonly since: string;
}

const iso = (timeMs: number): string => new Date(timeMs).toISOString();

/** Names of alerts and their runbooks, by kind of alarm; those of other kinds are `other`. */
const kinds: Readonly<Record<string, { readonly name: string; readonly runbook: string; readonly about: string }>> = {
  data: { name: 'EverloopDriftDetected', runbook: 'drift.md', about: 'gets other inputs than it was trained on' },
  performance: { name: 'EverloopQualityDropped', runbook: 'model-quality.md', about: 'does worse than it promised' },
  estimated: {
    name: 'EverloopQualityEstimateDropped',
    runbook: 'model-quality.md',
    about: 'is expected to do worse than it promised',
  },
  budget: {
    name: 'EverloopAlarmBudgetSpent',
    runbook: 'alarm-budget.md',
    about: 'asked for more retrainings than its alarm budget allows',
  },
};
const other = { name: 'EverloopDriftDetected', runbook: 'drift.md', about: 'has drifted' };

function kindOf(notice: Notice): typeof other {
  return kinds[notice.alert.kind] ?? other;
}

/**
 * An alarm for Alertmanager. Labels say what it is about and stay the same as long as it is up, so that Alertmanager takes repeats for
 * one alert; numbers and ids are annotations.
 */
export function alertmanagerAlert(notice: Notice, runbooks: string): AlertmanagerAlert {
  const { alert, raisedAtMs, endsAtMs } = notice;
  const { name, runbook, about } = kindOf(notice);
  return {
    labels: {
      alertname: name,
      model: alert.model,
      monitor: alert.monitor,
      kind: alert.kind,
      ...(alert.slice === '' ? {} : { slice: alert.slice }),
      severity: alert.severity === '' ? 'ticket' : alert.severity,
    },
    annotations: {
      summary: `${alert.model} ${about}`,
      description: alert.message,
      runbook_url: `${runbooks}/${runbook}`,
      model_version: alert.modelVersion,
      event_time: iso(alert.eventTimeMs),
      report_id: alert.reportId,
    },
    startsAt: iso(Math.min(raisedAtMs, endsAtMs)),
    endsAt: iso(endsAtMs),
  };
}

/** An alarm for a webhook: everything that is known of it, on its own. */
export function webhookPayload(notice: Notice, runbooks: string): WebhookPayload {
  const { alert } = notice;
  const { name, runbook } = kindOf(notice);
  return {
    version: '1',
    id: alert.id,
    type: alert.resolved ? 'io.everloop.drift.resolved.v1' : 'io.everloop.drift.detected.v1',
    status: alert.resolved ? 'resolved' : 'firing',
    alertname: name,
    severity: alert.severity === '' ? 'ticket' : alert.severity,
    model: alert.model,
    modelVersion: alert.modelVersion,
    monitor: alert.monitor,
    kind: alert.kind,
    slice: alert.slice,
    fields: alert.fields,
    message: alert.message,
    runbookUrl: `${runbooks}/${runbook}`,
    reportId: alert.reportId,
    eventTime: iso(alert.eventTimeMs),
    since: iso(alert.startedAtMs),
  };
}
