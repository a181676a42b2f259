import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePorts, startLocalKafka, startLocalRedis, type LocalKafka, type LocalRedis } from '@everloop/local';
import { startReplay } from '../src/replay-run.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'everloop-faults-'));
let ports: readonly number[] = [];
let kafka: LocalKafka;
let redis: LocalRedis;

const log = (line: string): void => {
  process.stderr.write(`${line}\n`);
};
const startKafka = async (): Promise<void> => {
  const [port = 0, controllerPort = 0] = ports;
  kafka = await startLocalKafka({ dir: path.join(folder, 'kafka'), port, controllerPort, log });
};
const startRedis = async (): Promise<void> => {
  redis = await startLocalRedis({ dir: path.join(folder, 'redis'), port: ports[2] ?? 0, log });
};

beforeAll(async () => {
  ports = await freePorts(3);
  await startKafka();
  await startRedis();
});

afterAll(async () => {
  await Promise.all([kafka.stop(), redis.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

describe('what a replay lives on goes away in the middle', () => {
  it('a killed broker and a Redis that comes back empty cost time, and no record', async () => {
    const replay = await startReplay('2013-01-08', { KAFKA_BROKERS: kafka.brokers, REDIS_URL: redis.url });
    await replay.printed(/Replaying until/);
    await replay.printed(/asked 0, answered 0/);

    kafka.process.kill();
    await kafka.process.exited;
    await startKafka();

    redis.process.kill();
    await redis.process.exited;
    await startRedis();

    const { code, report } = await replay.ended;
    expect(report?.ledger).toMatchObject({ balanced: true, problems: [] });
    expect(code, replay.output()).toBe(0);
  });
});
