import { createKafkaBus, type Bus } from '@everloop/kafka';
import { createLogger, createMetrics } from '@everloop/service';

/** Runs with a connection to Kafka; a session is short, so that a command that was killed does not hold up the next one for long. */
export async function withBus<T>(brokers: readonly string[], work: (bus: Bus) => Promise<T>): Promise<T> {
  const logger = createLogger({ service: 'everloop', level: 'warn' });
  const metrics = createMetrics('everloop');
  const bus = createKafkaBus({ brokers, clientId: 'everloop-cli', logger, metrics, sessionTimeoutMs: 6_000 });
  await bus.start();
  try {
    return await work(bus);
  } finally {
    await bus.stop();
  }
}
