import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { cacheFolder, freePorts, startLocalKafka, startLocalRedis } from '@everloop/local';

declare module 'vitest' {
  interface ProvidedContext {
    /** Comma-separated `host:port`. */
    kafkaBrokers: string;
    redisUrl: string;
  }
}

const started: { stop(): Promise<void> }[] = [];
let folder: string | null = null;

/**
 * Gives a whole test run one Kafka and one Redis: those of KAFKA_BROKERS and REDIS_URL, or else new ones on free ports that end
 * with the run. Tests read both from process.env or by `inject('kafkaBrokers')`.
 */
export async function setup(project: TestProject): Promise<void> {
  const [kafkaPort = 0, controllerPort = 0, redisPort = 0] = await freePorts(3);
  const log = (line: string): void => {
    process.stderr.write(`${line}\n`);
  };
  const runFolder = (): string => {
    if (folder === null) {
      mkdirSync(cacheFolder(), { recursive: true });
      folder = mkdtempSync(join(cacheFolder(), 'tests-'));
    }
    return folder;
  };
  if ((process.env['KAFKA_BROKERS'] ?? '') === '') {
    const kafka = await startLocalKafka({ dir: join(runFolder(), 'kafka'), port: kafkaPort, controllerPort, log });
    started.push(kafka);
    process.env['KAFKA_BROKERS'] = kafka.brokers;
  }
  if ((process.env['REDIS_URL'] ?? '') === '') {
    const redis = await startLocalRedis({ dir: join(runFolder(), 'redis'), port: redisPort, log });
    started.push(redis);
    process.env['REDIS_URL'] = redis.url;
  }
  project.provide('kafkaBrokers', process.env['KAFKA_BROKERS'] ?? '');
  project.provide('redisUrl', process.env['REDIS_URL'] ?? '');
}

/** Stops what `setup` started, and only that. */
export async function teardown(): Promise<void> {
  await Promise.all(started.splice(0).map((each) => each.stop()));
  if (folder !== null) rmSync(folder, { recursive: true, force: true });
}
