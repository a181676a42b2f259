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
} as const satisfies ConfigSchema;

/** Configuration of the service; EVL_CONFIG_INVALID names every wrong variable. */
export function readConfig(env: Readonly<Record<string, string | undefined>>) {
  return loadConfig('drift-detector', configSchema, env);
}
