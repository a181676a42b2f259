import { commonConfig, loadConfig, type ConfigSchema } from '@everloop/service';

export const configSchema = {
  ...commonConfig,
  stateMax: {
    env: 'EVL_OUTCOMES_STATE_MAX',
    type: 'integer',
    default: 500_000,
    min: 1,
    unit: 'predictions and join keys, or decisions, per partition',
    why: 'Bounds memory to about 300 bytes each; beyond it the task stands still and says so, instead of forgetting predictions.',
  },
  metricsWindowMs: {
    env: 'EVL_OUTCOMES_METRICS_WINDOW',
    type: 'duration',
    default: 7 * 86_400_000,
    min: 86_400_000,
    unit: 'milliseconds of event time',
    why: 'Days of predictions that the quality in the metrics is of: longer is steadier, shorter is newer. Begin above the wait for labels.',
  },
  awaitTopicMs: {
    env: 'EVL_OUTCOMES_AWAIT_TOPIC',
    type: 'duration',
    default: 10_000,
    min: 100,
    unit: 'milliseconds',
    why: "How long one try waits for the validator's topic before the wait is logged again; tries go on until it is there.",
  },
} as const satisfies ConfigSchema;

/** Configuration of the service; EVL_CONFIG_INVALID names every wrong variable. */
export function readConfig(env: Readonly<Record<string, string | undefined>>) {
  return loadConfig('outcomes', configSchema, env);
}
