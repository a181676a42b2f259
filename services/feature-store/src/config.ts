import { commonConfig, grpcConfig, loadConfig, type ConfigSchema } from '@everloop/service';

export const configSchema = {
  ...commonConfig,
  ...grpcConfig,
  redisUrl: {
    env: 'REDIS_URL',
    type: 'string',
    default: 'redis://127.0.0.1:16379',
    why: 'Where online features are kept; the default is the Redis that `npm start` runs.',
  },
  objectStore: {
    env: 'EVL_OBJECT_STORE',
    type: 'string',
    default: '.everloop/objects',
    unit: 'folder',
    why: 'Where datasets are stored by their digest; shared with the trainer and the registry.',
  },
  vaultStore: {
    env: 'EVL_VAULT_STORE',
    type: 'string',
    default: '.everloop/vault',
    unit: 'folder',
    why: 'Where the sealed rows of fixed holdouts lie; apart from the object store, so that training need not be let in.',
  },
  vaultPublicKey: {
    env: 'EVL_VAULT_PUBLIC_KEY',
    type: 'string',
    default: '.everloop/evaluator.pub',
    unit: 'file',
    why: "The evaluator's public key, for which fixed holdouts are sealed; the trainer writes it when it starts.",
  },
  dataDir: {
    env: 'EVL_DATA_DIR',
    type: 'string',
    default: '.everloop/feature-store',
    unit: 'folder',
    why: 'Where the offline history is kept as Parquet files.',
  },
  cachedRowsMax: {
    env: 'EVL_FEATURES_CACHED_ROWS',
    type: 'integer',
    default: 20_000,
    min: 100,
    unit: 'online rows',
    why: 'Rows held between batches, a few hundred bytes each; one that is not held is read from Redis again.',
  },
  rowLifeMs: {
    env: 'EVL_FEATURES_ROW_LIFE',
    type: 'duration',
    default: 30 * 86_400_000,
    min: 60_000,
    unit: 'milliseconds of wall-clock time since the last event',
    why: 'Entities that are never heard of again leave Redis; a view with a longer time to live keeps its rows for twice that.',
  },
  bufferedRowsMax: {
    env: 'EVL_FEATURES_BUFFERED_ROWS',
    type: 'integer',
    default: 20_000,
    min: 100,
    unit: 'records per topic partition',
    why: 'Size of a Parquet file, and how much is read again from Kafka after a kill.',
  },
  duckMemoryMib: {
    env: 'EVL_FEATURES_SQL_MEMORY',
    type: 'integer',
    default: 512,
    min: 64,
    unit: 'MiB',
    why: 'Memory of a point-in-time query; beyond it DuckDB spills to the data folder.',
  },
  duckThreads: {
    env: 'EVL_FEATURES_SQL_THREADS',
    type: 'integer',
    default: 2,
    min: 1,
    max: 64,
    why: 'Threads of a point-in-time query.',
  },
  clock: {
    env: 'EVL_CLOCK',
    type: 'string',
    default: 'wall',
    oneOf: ['wall', 'event'],
    why: 'What "now" is for an online batch without a moment: the time of day, or in a replay (`event`) the watermark of the store.',
  },
  fileRowsMax: {
    env: 'EVL_FEATURES_FILE_ROWS',
    type: 'integer',
    default: 1_000_000,
    min: 1_000,
    unit: 'rows',
    why: 'Small Parquet files of a topic partition are merged into files of about so many rows.',
  },
  upkeepMs: {
    env: 'EVL_FEATURES_UPKEEP',
    type: 'duration',
    default: 60_000,
    min: 100,
    unit: 'milliseconds',
    why: 'Pause between two looks at the files of the history: merging, retention, removal.',
  },
  fileGraceMs: {
    env: 'EVL_FEATURES_FILE_GRACE',
    type: 'duration',
    default: 15 * 60_000,
    min: 0,
    unit: 'milliseconds',
    why: 'How long a merged or expired file stays on the disk; longer than any query of another replica or job.',
  },
  redisWatchMs: {
    env: 'EVL_FEATURES_REDIS_WATCH',
    type: 'duration',
    default: 2_000,
    min: 50,
    unit: 'milliseconds',
    why: 'How often it is checked that Redis still has what was written; each write checks it too.',
  },
} as const satisfies ConfigSchema;

/** Configuration of the service; EVL_CONFIG_INVALID names every wrong variable. */
export function readConfig(env: Readonly<Record<string, string | undefined>>) {
  return loadConfig('feature-store', configSchema, env);
}
