import { createKafkaBus } from '@everloop/kafka';
import { createLogger, createMetrics } from '@everloop/service';
import { isolatedBus, testBrokers } from '@everloop/testing';
import { Sources } from '../src/app/sources.ts';
import { createQualityTelemetry } from '../src/quality-telemetry.ts';
import { createTelemetry } from '../src/telemetry.ts';

/** A validator in a process of its own, so that a test can kill it. Its topics begin with the given prefix. */
const [prefix = ''] = process.argv.slice(2);
const logger = createLogger({
  service: 'validator',
  level: process.env['EVL_TEST_LOG'] === undefined ? 'silent' : 'debug',
});
const metrics = createMetrics('validator');
const bus = createKafkaBus({ brokers: testBrokers(), clientId: prefix, logger, metrics, sessionTimeoutMs: 6_000 });
await bus.start();
const sources = new Sources({
  stream: isolatedBus(bus, prefix),
  telemetry: createTelemetry(logger, metrics),
  qualityTelemetry: createQualityTelemetry(logger, metrics),
  limits: { recordBytesMax: 1_048_576, uniqueEntriesMax: 100_000 },
});
await sources.start();
process.on('message', () => {
  void (async () => {
    await sources.stop();
    await bus.stop();
    process.exit(0);
  })();
});
process.send?.('started');
