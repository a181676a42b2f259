import type { Bus } from '@everloop/kafka';
import { createMetrics, type Logger } from '@everloop/service';
import { testLogger } from './logger.ts';
import { uniqueName } from './names.ts';

/** The brokers of this test run. */
export function testBrokers(): readonly string[] {
  const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',').filter((broker) => broker !== '');
  if (brokers.length > 0) return brokers;
  throw new Error(
    'KAFKA_BROKERS is not set: name the file *.integration.test.ts, so that vitest starts a broker for it.',
  );
}

/** The Redis of this test run. */
export function testRedisUrl(): string {
  const url = process.env['REDIS_URL'] ?? '';
  if (url !== '') return url;
  throw new Error('REDIS_URL is not set: name the file *.integration.test.ts, so that vitest starts Redis for it.');
}

/** A started bus to the broker of this test run; the test stops it. */
export async function testBus(options: { readonly clientId?: string; readonly logger?: Logger } = {}): Promise<Bus> {
  // Loaded here, so that tests which use only names and waiting do not load a Kafka client.
  const { createKafkaBus } = await import('@everloop/kafka');
  const bus = createKafkaBus({
    brokers: testBrokers(),
    clientId: options.clientId ?? uniqueName('test'),
    logger: options.logger ?? testLogger(),
    metrics: createMetrics('test'),
  });
  await bus.start();
  return bus;
}
