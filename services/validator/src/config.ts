import { commonConfig, loadConfig, type ConfigSchema } from '@everloop/service';

export const configSchema = {
  ...commonConfig,
  recordBytesMax: {
    env: 'EVL_VALIDATOR_RECORD_BYTES_MAX',
    type: 'integer',
    default: 1_048_576,
    min: 1_024,
    max: 8_388_608,
    unit: 'bytes',
    why: 'Longest value that is parsed; longer ones are quarantined. The default is what a broker accepts by default.',
  },
  uniqueEntriesMax: {
    env: 'EVL_VALIDATOR_UNIQUE_ENTRIES_MAX',
    type: 'integer',
    default: 200_000,
    min: 1,
    max: 10_000_000,
    unit: 'records',
    why: 'Most accepted records that one partition remembers for unique rules, about 250 bytes each; the oldest are forgotten first.',
  },
} as const satisfies ConfigSchema;

/** Configuration of the service; EVL_CONFIG_INVALID names every wrong variable. */
export function readConfig(env: Readonly<Record<string, string | undefined>>) {
  return loadConfig('validator', configSchema, env);
}
