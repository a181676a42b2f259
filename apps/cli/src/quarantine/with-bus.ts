import { createKafkaBus, type Bus } from '@everloop/kafka';
import { createLogger, createMetrics, ServiceError } from '@everloop/service';

/** How long a broker may take to answer a command, milliseconds; a service waits for ever, a person does not. */
const connectMs = 15_000;

/**
 * Runs with a connection to Kafka; a session is short, so that a command that was killed does not hold up the next one for long.
 * Throws EVL_CLI_BROKER_UNREACHABLE when no broker answers in time.
 */
export async function withBus<T>(
  brokers: readonly string[],
  work: (bus: Bus) => Promise<T>,
  deadlineMs = connectMs,
): Promise<T> {
  const logger = createLogger({ service: 'everloop', level: 'warn' });
  const metrics = createMetrics('everloop');
  const bus = createKafkaBus({ brokers, clientId: 'everloop-cli', logger, metrics, sessionTimeoutMs: 6_000 });
  await connected(bus, brokers, deadlineMs);
  try {
    return await work(bus);
  } finally {
    await bus.stop();
  }
}

async function connected(bus: Bus, brokers: readonly string[], deadlineMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const message = `Kafka at ${brokers.join(', ')} did not answer in ${deadlineMs / 1_000} s; start it with "npm start", or name another with --brokers or KAFKA_BROKERS`;
      reject(new ServiceError({ code: 'EVL_CLI_BROKER_UNREACHABLE', kind: 'retryable', message }));
    }, deadlineMs);
  });
  try {
    await Promise.race([bus.start(), deadline]);
  } catch (error) {
    // Not awaited: it waits for a request that nobody may ever answer.
    void bus.stop().catch(() => undefined);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
