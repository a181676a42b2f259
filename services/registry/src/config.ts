import { commonConfig, type ConfigSchema, grpcConfig } from '@everloop/service';

/** Configuration of the registry. */
export const configSchema = {
  ...commonConfig,
  ...grpcConfig,
  dataDir: {
    env: 'EVL_DATA_DIR',
    type: 'string',
    default: '.everloop/registry',
    unit: 'folder',
    why: 'Where the SQLite database with the ledger is; back it up.',
  },
  outboxEventsMax: {
    env: 'EVL_REGISTRY_OUTBOX_EVENTS_MAX',
    type: 'integer',
    default: 10_000,
    min: 1,
    max: 1_000_000,
    unit: 'events',
    why: 'Events that may wait while Kafka is away; then writes are refused. The default is about 50 MB, years of changes.',
  },
} as const satisfies ConfigSchema;
