import { createLogger, createMetrics } from '@everloop/service';
import { openDuckDb } from '@everloop/storage';
import { createKafkaBus } from '@everloop/kafka';
import { schemaRegistries } from '@everloop/records';
import { isolatedBus } from '@everloop/testing';
import { createConnect } from '../src/adapters/connect.ts';
import { BatchSources } from '../src/app/batch-sources.ts';
import { quiet } from './support.ts';

/* The service of main.ts on topics with a prefix, until it is killed. */
const [prefix = '', root = ''] = process.argv.slice(2);
const logger = createLogger({ service: 'ingest-worker', level: 'error' });
const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',');
const inner = createKafkaBus({
  brokers,
  clientId: 'ingest-worker',
  logger,
  metrics: createMetrics('ingest-worker'),
  sessionTimeoutMs: 6_000,
});
await inner.start();
const duck = await openDuckDb({ memoryLimitMib: 128, threads: 1 });
const connect = createConnect({ root, dataDir: `${root}/tmp`, duck, env: process.env, telemetry: quiet });
const sources = new BatchSources({
  bus: isolatedBus(inner, prefix),
  connect,
  registryOf: schemaRegistries({}),
  telemetry: quiet,
  clock: Date.now,
});
await sources.start();
