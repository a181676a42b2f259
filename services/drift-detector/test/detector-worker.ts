import { createKafkaBus } from '@everloop/kafka';
import { createLogger, createMetrics } from '@everloop/service';
import { isolatedBus } from '@everloop/testing';
import { detectorOn } from './detector.ts';

/* The detector on topics with a prefix, until it is told to stop, or killed. */
const [prefix = ''] = process.argv.slice(2);
const logger = createLogger({ service: 'detector-worker', level: 'error' });
const metrics = createMetrics('detector-worker');
const inner = createKafkaBus({
  brokers: (process.env['KAFKA_BROKERS'] ?? '').split(','),
  clientId: 'detector-worker',
  logger,
  metrics,
  sessionTimeoutMs: 2_000,
});
await inner.start();
const detector = detectorOn(isolatedBus(inner, prefix), logger, metrics);
process.once('SIGTERM', () => {
  void (async () => {
    await detector.stop();
    await inner.stop();
    process.exit(0);
  })();
});
await detector.start();
