import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts, startLocalKafka, startLocalRedis, type LocalKafka, type LocalRedis } from '@everloop/local';
import { eventually } from '@everloop/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Answered, Load, loggedTimes } from './real/load.ts';
import { childrenOf, startRealGateway, type RealGateway } from './real/real-gateway.ts';

const folder = mkdtempSync(join(tmpdir(), 'everloop-kills-'));
const quiet = (): void => undefined;
const reports: string[] = [];
let kafka: LocalKafka;
let redis: LocalRedis;
let startKafka: () => Promise<LocalKafka>;
let startRedis: () => Promise<LocalRedis>;

beforeAll(async () => {
  const [port = 0, controllerPort = 0, redisPort = 0] = await freePorts(3);
  startKafka = () => startLocalKafka({ dir: join(folder, 'kafka'), port, controllerPort, log: quiet });
  startRedis = () => startLocalRedis({ dir: join(folder, 'redis'), port: redisPort, log: quiet });
  [kafka, redis] = await Promise.all([startKafka(), startRedis()]);
});
afterAll(async () => {
  console.log(reports.join('\n'));
  await Promise.all([kafka.stop(), redis.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

describe.each([
  ['one process', 1],
  ['a pool of two workers', 2],
])('kill -9 under load, %s:', (_name, workers) => {
  const isPool = workers > 1;
  let gateway: RealGateway;
  const answered = new Answered();
  /** The processes that answer: the gateway, or the workers of its supervisor. */
  const gateways = () => (isPool ? childrenOf(gateway.process.pid) : Promise.resolve([gateway.process.pid]));
  /** Workers that answer, by the metrics of the pool. */
  const readyWorkers = async (): Promise<number> => {
    const response = await fetch(`http://127.0.0.1:${gateway.httpPort}/metrics`).catch(() => null);
    const text = (await response?.text()) ?? '';
    return Number(/^everloop_gateway_pool_workers\S* (\d+)$/m.exec(text)?.[1] ?? 0);
  };
  const begin = (): Load => new Load(gateway.grpcPort, answered);
  const end = async (load: Load, scenario: string): Promise<void> => {
    reports.push(`${isPool ? 'pool' : 'alone'}, ${scenario}: ${await load.end()}`);
  };

  beforeAll(async () => {
    gateway = await startRealGateway({
      ...{ brokers: kafka.brokers, redisUrl: redis.url, env: { EVL_GATEWAY_WORKERS: String(workers) } },
    });
  });
  afterAll(() => gateway.stop());
  afterEach(async () => {
    const { ids } = answered;
    const missing = (found: ReadonlyMap<string, number>): string[] => [...ids].filter((id) => !found.has(id));
    await eventually(async () => missing(await loggedTimes(gateway)).length === 0, {
      timeoutMs: 90_000,
      what: 'every answer in the log',
    });
    const found = await loggedTimes(gateway);
    expect([...found].filter(([, times]) => times !== 1)).toEqual([]);
    reports.push(`  ${ids.size} answered so far, ${found.size} in the log, none missing, none twice`);
  });

  it(
    'of a model process: what ran there fails as retryable, what waited is asked again',
    { timeout: 240_000 },
    async () => {
      const load = begin();
      for (let round = 0; round < 5; round += 1) {
        await load.more('ok', 100);
        const answering = await gateways();
        const [child] = await childrenOf(answering[round % answering.length] ?? 0);
        if (child !== undefined) process.kill(child, 'SIGKILL');
      }
      await load.more('ok', 200);
      await end(load, 'model process, 5 times');
      expect(load.othersThan('ok', 'EVL_ONNX_HOST_CRASHED')).toEqual([]);
    },
  );

  it('of Redis: every call is answered, degraded while it is away', { timeout: 240_000 }, async () => {
    const load = begin();
    await load.more('ok', 100);
    redis.process.kill();
    await load.more('ok, degraded', 100);
    redis = await startRedis();
    await load.more('ok', 100);
    await end(load, 'Redis');
    expect(Object.keys(load.outcomes).sort()).toEqual(['ok', 'ok, degraded']);
  });

  it('of the broker: every call is answered, and the log catches up', { timeout: 240_000 }, async () => {
    const load = begin();
    await load.more('ok', 100);
    kafka.process.kill();
    await kafka.process.exited;
    await load.more('ok', 300);
    kafka = await startKafka();
    await load.more('ok', 100);
    await end(load, 'broker');
    expect(Object.keys(load.outcomes)).toEqual(['ok']);
  });

  it('of the gateway, or its supervisor: what it had answered is in the log', { timeout: 240_000 }, async () => {
    for (let round = 0; round < 3; round += 1) {
      const load = begin();
      await load.more('ok', 100 + 77 * round);
      gateway.process.kill();
      await gateway.restart();
      await load.more('ok', 100);
      await end(load, isPool ? 'supervisor' : 'gateway');
      expect(load.othersThan('ok', 'EVL_GRPC_UNAVAILABLE')).toEqual([]);
    }
  });

  it.runIf(isPool)('of a worker: calls on its connections fail as retryable', { timeout: 240_000 }, async () => {
    const load = begin();
    for (let round = 0; round < 5; round += 1) {
      await load.more('ok', 200 + 77 * round);
      const answering = await gateways();
      const worker = answering[round % answering.length];
      if (worker !== undefined) process.kill(worker, 'SIGKILL');
      // The next kill finds both again, so that one is always there.
      await eventually(async () => (await readyWorkers()) === workers, { timeoutMs: 60_000, what: 'a new worker' });
    }
    await load.more('ok', 200);
    await end(load, 'a worker, 5 times');
    expect(load.othersThan('ok', 'EVL_GRPC_UNAVAILABLE')).toEqual([]);
    expect(load.count('EVL_GRPC_UNAVAILABLE')).toBeGreaterThan(0);
  });

  it.runIf(isPool)(
    'of a worker while the broker is away: its journal waits for its successor',
    { timeout: 240_000 },
    async () => {
      const load = begin();
      await load.more('ok', 100);
      kafka.process.kill();
      await kafka.process.exited;
      await load.more('ok', 300);
      const [worker] = await gateways();
      if (worker !== undefined) process.kill(worker, 'SIGKILL');
      await load.more('ok', 300);
      kafka = await startKafka();
      await load.more('ok', 100);
      await end(load, 'a worker while the broker is away');
      expect(load.othersThan('ok', 'EVL_GRPC_UNAVAILABLE')).toEqual([]);
    },
  );
});
