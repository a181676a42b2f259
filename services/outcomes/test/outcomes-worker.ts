import { createKafkaBus } from '@everloop/kafka';
import { createLogger, createMetrics } from '@everloop/service';
import { isolatedBus } from '@everloop/testing';
import { createJoins } from '../src/app/joins.ts';
import { createTelemetry } from '../src/telemetry.ts';

/* The joins of main.ts on topics with a prefix, until they are killed. */
const [prefix = ''] = process.argv.slice(2);
const logger = createLogger({ service: 'outcomes-worker', level: 'error' });
const metrics = createMetrics('outcomes-worker');
const inner = createKafkaBus({
  brokers: (process.env['KAFKA_BROKERS'] ?? '').split(','),
  clientId: 'outcomes-worker',
  logger,
  metrics,
  sessionTimeoutMs: 6_000,
});
await inner.start();
const joins = createJoins({
  bus: isolatedBus(inner, prefix),
  telemetry: createTelemetry(logger, metrics),
  stateMax: 100_000,
  awaitTopicMs: 2_000,
});
await joins.start();
