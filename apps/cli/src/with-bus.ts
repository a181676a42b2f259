import { createKafkaBus, type Bus } from '@everloop/kafka';
import { createLogger, createMetrics, deferred, ServiceError } from '@everloop/service';

/** How long a broker may take to answer a command, milliseconds; a service waits for ever, a person does not. */
const silenceMsMax = 15_000;
/** How often is looked whether it answers, milliseconds. */
const lookMs = 250;

/**
 * Runs with a connection to Kafka; a session is short, so that a command that was killed does not hold up the next one for long. Log lines go to
 * standard error. Rejects with EVL_CLI_BROKER_UNREACHABLE when no broker answers for `silenceMs`, at the beginning or later.
 */
export async function withBus<T>(
  brokers: readonly string[],
  work: (bus: Bus) => Promise<T>,
  silenceMs = silenceMsMax,
): Promise<T> {
  const write = (line: string): void => void process.stderr.write(line);
  const logger = createLogger({ service: 'everloop', level: 'warn', write });
  const metrics = createMetrics('everloop');
  const bus = createKafkaBus({ brokers, clientId: 'everloop-cli', logger, metrics, sessionTimeoutMs: 6_000 });
  return await whileItAnswers(bus, brokers, silenceMs, async () => {
    await bus.start();
    return await work(bus);
  });
}

/** Runs until the end of the work, or until the broker has not answered for `silenceMs`; stops the bus. */
export async function whileItAnswers<T>(
  bus: Pick<Bus, 'health' | 'stop'>,
  brokers: readonly string[],
  silenceMs: number,
  work: () => Promise<T>,
): Promise<T> {
  const silence = deferred<never>();
  const everyMs = Math.min(lookMs, silenceMs);
  let silentMs = 0;
  const look = setInterval(() => {
    silentMs = bus.health?.().ok === false ? silentMs + everyMs : 0;
    if (silentMs >= silenceMs) silence.reject(unreachable(brokers, `has not answered for ${silenceMs / 1_000} s`));
  }, everyMs);
  try {
    const done = await Promise.race([work(), silence.promise]);
    await bus.stop();
    return done;
  } catch (error) {
    const stopped = bus.stop();
    const isAway = error instanceof ServiceError && awayCodes.has(error.code);
    // Of a broker that is away it is not awaited: it waits for a request that nobody may ever answer.
    if (isAway) void stopped.catch(() => undefined);
    else await stopped;
    throw isAway && error.code !== unreachableCode ? unreachable(brokers, 'does not answer any more', error) : error;
  } finally {
    clearInterval(look);
  }
}

const unreachableCode = 'EVL_CLI_BROKER_UNREACHABLE';
const awayCodes: ReadonlySet<string> = new Set([unreachableCode, 'EVL_KAFKA_UNAVAILABLE']);

function unreachable(brokers: readonly string[], what: string, cause?: unknown): ServiceError {
  const message = `Kafka at ${brokers.join(', ')} ${what}; start it with "npm start", or name another with --brokers or KAFKA_BROKERS`;
  return new ServiceError({ code: 'EVL_CLI_BROKER_UNREACHABLE', kind: 'retryable', message, cause });
}
