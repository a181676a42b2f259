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
