import { commonConfig, loadConfig, type ConfigSchema } from '@everloop/service';

export const configSchema = {
  ...commonConfig,
  registryAddress: {
    env: 'EVL_REGISTRY_ADDRESS',
    type: 'string',
    default: '127.0.0.1:8003',
    unit: 'host:port',
    why: 'The registry knows which artifact is the baseline of a version.',
  },
  objectStore: {
    env: 'EVL_OBJECT_STORE',
    type: 'string',
    default: '.everloop/objects',
    unit: 'folder',
    why: 'Baselines are read from here by digest; the trainer writes to the same folder.',
  },
  registryDeadlineMs: {
    env: 'EVL_DRIFT_REGISTRY_DEADLINE',
    type: 'duration',
    default: 5_000,
    min: 100,
    max: 60_000,
    unit: 'milliseconds',
    why: 'A look-up of one row; longer means that the registry is in trouble, and the call is repeated.',
  },
  baselinesMax: {
    env: 'EVL_DRIFT_BASELINES_MAX',
    type: 'integer',
    default: 32,
    min: 1,
    max: 10_000,
    unit: 'baselines',
    why: 'Cached baselines, about 100 kB each; a few versions of a few models are in use at a time.',
  },
  phasesMax: {
    env: 'EVL_DRIFT_PHASES_MAX',
    type: 'integer',
    default: 8,
    min: 1,
    max: 1_000,
    unit: 'versions',
    why: 'Versions whose training rows are kept by hour or weekday, about 5 MB each with 50 columns; others are read again from history.pb.',
  },
  fieldsMax: {
    env: 'EVL_DRIFT_METRIC_FEATURES_MAX',
    type: 'integer',
    default: 100,
    min: 1,
    max: 10_000,
    unit: 'features of a model',
    why: 'Features with metrics of their own; the rest share the label (other), so that a wide model does not fill Prometheus.',
  },
  alertmanagerUrl: {
    env: 'EVL_ALERTMANAGER_URL',
    type: 'string',
    default: null,
    unit: 'http(s)://host:port[/prefix]',
    why: 'Alertmanager that alarms are pushed to (API v2); without it there are only the metrics, and rules over them.',
  },
  alertWebhookUrl: {
    env: 'EVL_ALERT_WEBHOOK_URL',
    type: 'string',
    default: null,
    unit: 'http(s)://…',
    why: 'Gets a POST with JSON for each alarm that is raised or over; none without it.',
  },
  alertWebhookSecret: {
    env: 'EVL_ALERT_WEBHOOK_SECRET',
    type: 'string',
    default: null,
    why: 'Signs the calls of the webhook (HMAC-SHA256, header X-Everloop-Signature); without it they are not signed.',
  },
  alertResendMs: {
    env: 'EVL_ALERT_RESEND',
    type: 'duration',
    default: 60_000,
    min: 1_000,
    max: 3_600_000,
    unit: 'milliseconds',
    why: 'Alertmanager hears of an alarm again so often; after three times that without news it takes it for over.',
  },
  alertDeadlineMs: {
    env: 'EVL_ALERT_DEADLINE',
    type: 'duration',
    default: 5_000,
    min: 100,
    max: 60_000,
    unit: 'milliseconds',
    why: 'One call to Alertmanager or the webhook; five are tried.',
  },
  alertAgeMaxMs: {
    env: 'EVL_ALERT_AGE_MAX',
    type: 'duration',
    default: 86_400_000,
    min: 60_000,
    max: 2_592_000_000,
    unit: 'milliseconds',
    why: 'Alerts that were written longer ago are told to nobody: after a long outage, or when a target is new.',
  },
  runbooks: {
    env: 'EVL_RUNBOOKS',
    type: 'string',
    default: 'docs/runbooks',
    unit: 'address of a folder',
    why: 'What runbook_url of alerts begins with; the default is the folder in the repository, set where yours is published.',
  },
} as const satisfies ConfigSchema;

/** Configuration of the service; EVL_CONFIG_INVALID names every wrong variable. */
export function readConfig(env: Readonly<Record<string, string | undefined>>) {
  return loadConfig('drift-detector', configSchema, env);
}
