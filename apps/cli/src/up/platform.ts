import { join } from 'node:path';
import {
  kafkaAnswers,
  kafkaVersion,
  redisAnswers,
  redisVersion,
  startLocalKafka,
  startLocalRedis,
  type WantedPort,
} from '@everloop/local';
import { ServiceError } from '@everloop/service';
import type { Fleet } from './fleet.ts';
import type { PortPlan } from './ports.ts';
import type { Say } from './screen.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Addresses of Kafka and Redis. */
export interface PlatformAddresses {
  /** Comma-separated `host:port`. */
  readonly kafkaBrokers: string;
  readonly redisUrl: string;
}

/** Whether the person brings a Kafka or a Redis. */
export function broughtAlong(env: Environment): { readonly kafka: string | null; readonly redis: string | null } {
  const given = (name: string): string | null => ((env[name] ?? '').trim() === '' ? null : (env[name] ?? '').trim());
  return { kafka: given('KAFKA_BROKERS'), redis: given('REDIS_URL') };
}

/** The ports that really are going to be listened on: not those of a Kafka or Redis that runs already. */
export function neededPorts(wanted: readonly WantedPort[], env: Environment): readonly WantedPort[] {
  const { kafka, redis } = broughtAlong(env);
  return wanted.filter(
    (port) =>
      !(kafka !== null && port.env.startsWith('EVL_KAFKA_')) && !(redis !== null && port.env === 'EVL_REDIS_PORT'),
  );
}

/** Kafka and Redis: those of KAFKA_BROKERS and REDIS_URL, or else new ones that belong to this run. */
export async function startPlatform(options: {
  readonly env: Environment;
  readonly ports: PortPlan;
  readonly dataDir: string;
  readonly fleet: Fleet;
  readonly say: Say;
}): Promise<PlatformAddresses> {
  const { kafka, redis } = broughtAlong(options.env);
  const [kafkaBrokers, redisUrl] = await Promise.all([
    kafka === null ? ownKafka(options) : existingKafka(kafka, options.say),
    redis === null ? ownRedis(options) : existingRedis(redis, options.say),
  ]);
  return { kafkaBrokers, redisUrl };
}

type Options = Parameters<typeof startPlatform>[0];

async function ownKafka({ env, ports, dataDir, fleet, say }: Options): Promise<string> {
  const kafka = await startLocalKafka({
    dir: join(dataDir, 'kafka'),
    port: ports.kafka,
    controllerPort: ports.kafkaController,
    log: say,
    env,
  });
  fleet.adopt(kafka.process);
  say(`Kafka ${kafkaVersion} runs at ${kafka.brokers}`);
  return kafka.brokers;
}

async function ownRedis({ env, ports, dataDir, fleet, say }: Options): Promise<string> {
  const redis = await startLocalRedis({ dir: join(dataDir, 'redis'), port: ports.redis, log: say, env });
  fleet.adopt(redis.process);
  say(`Redis ${redisVersion} runs at ${redis.url}`);
  return redis.url;
}

async function existingKafka(brokers: string, say: Say): Promise<string> {
  const answers = await Promise.all(
    brokers.split(',').map(async (broker) => {
      const at = broker.trim().lastIndexOf(':');
      return kafkaAnswers(broker.trim().slice(0, at), Number(broker.trim().slice(at + 1))).catch(() => false);
    }),
  );
  if (!answers.includes(true)) throw away('EVL_UP_KAFKA_AWAY', 'Kafka', brokers, 'KAFKA_BROKERS');
  say(`Kafka at ${brokers} is used (KAFKA_BROKERS)`);
  return brokers;
}

async function existingRedis(url: string, say: Say): Promise<string> {
  // Of a cluster only the services themselves can tell; the address names some of its nodes.
  if (/^rediss?\+cluster:/.test(url)) {
    say('the Redis Cluster of REDIS_URL is used');
    return url;
  }
  const parsed = URL.canParse(url) ? new URL(url) : null;
  // Behind TLS or a password only the services themselves can tell.
  const plain = parsed?.protocol === 'redis:' && parsed.password === '';
  const answers =
    parsed !== null &&
    (!plain || (await redisAnswers(parsed.hostname, Number(parsed.port || 6379)).catch(() => false)));
  if (!answers) throw away('EVL_UP_REDIS_AWAY', 'Redis', url, 'REDIS_URL');
  say(`Redis at ${parsed.host} is used (REDIS_URL)`);
  return url;
}

function away(code: `EVL_UP_${string}`, what: string, where: string, variable: string): ServiceError {
  const message = `no ${what} answers at ${where} (${variable}); start it, or unset ${variable} to have one started`;
  return new ServiceError({ code, kind: 'terminal', message });
}
