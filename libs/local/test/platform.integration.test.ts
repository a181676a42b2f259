import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { freePorts, kafkaAnswers, redisAnswers, startLocalKafka, startLocalRedis } from '../src/index.ts';

const silent = (): void => undefined;
let dir = '';

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'everloop-local-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('local platform', () => {
  it('a broker starts in a fresh folder, stops on SIGTERM and continues there', async () => {
    const [port = 0, controllerPort = 0] = await freePorts(2);
    for (let round = 1; round <= 2; round += 1) {
      const kafka = await startLocalKafka({ dir: join(dir, 'kafka'), port, controllerPort, log: silent });
      expect(kafka.brokers).toBe(`127.0.0.1:${port}`);
      expect(await kafkaAnswers('127.0.0.1', port)).toBe(true);
      await kafka.stop();
      expect(await kafka.process.exited).toMatchObject({ asked: true, signal: null });
      await expect(kafkaAnswers('127.0.0.1', port)).rejects.toThrow();
    }
  });

  it('Redis starts and stops', async () => {
    const [port = 0] = await freePorts(1);
    const redis = await startLocalRedis({ dir: join(dir, 'redis'), port, log: silent });
    expect(await redisAnswers('127.0.0.1', port)).toBe(true);
    await redis.stop();
    expect(await redis.process.exited).toMatchObject({ asked: true, code: 0 });
  });

  it('a broker that cannot start says so with the end of its log', async () => {
    const [port = 0, controllerPort = 0] = await freePorts(2);
    const first = await startLocalKafka({ dir: join(dir, 'one'), port, controllerPort, log: silent });
    const second = startLocalKafka({ dir: join(dir, 'two'), port: port + 1, controllerPort, log: silent });
    await expect(second).rejects.toMatchObject({ code: 'EVL_LOCAL_PROCESS_DIED' });
    await first.stop();
  });
});

it('the whole test run has one broker and one Redis', async () => {
  expect(process.env['KAFKA_BROKERS']).toBe(inject('kafkaBrokers'));
  const [host = '', port = ''] = inject('kafkaBrokers').split(':');
  expect(await kafkaAnswers(host, Number(port))).toBe(true);
  const redis = new URL(inject('redisUrl'));
  expect(await redisAnswers(redis.hostname, Number(redis.port))).toBe(true);
});
