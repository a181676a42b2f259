import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serving, topics } from '@everloop/contracts';
import { freePorts, startLocalKafka, startLocalRedis, type LocalKafka, type LocalRedis } from '@everloop/local';
import { ServiceError } from '@everloop/service';
import { eventually } from '@everloop/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { inferRequest, trip } from './fixtures.ts';
import { childrenOf, startRealGateway, type RealGateway } from './real/real-gateway.ts';

const callers = 8;
const folder = mkdtempSync(join(tmpdir(), 'everloop-kills-'));
const quiet = (): void => undefined;
const reports: string[] = [];
let kafka: LocalKafka;
let redis: LocalRedis;
let gateway: RealGateway;
let startKafka: () => Promise<LocalKafka>;
let startRedis: () => Promise<LocalRedis>;

beforeAll(async () => {
  const [port = 0, controllerPort = 0, redisPort = 0] = await freePorts(3);
  startKafka = () => startLocalKafka({ dir: join(folder, 'kafka'), port, controllerPort, log: quiet });
  startRedis = () => startLocalRedis({ dir: join(folder, 'redis'), port: redisPort, log: quiet });
  [kafka, redis] = await Promise.all([startKafka(), startRedis()]);
  gateway = await startRealGateway({ brokers: kafka.brokers, redisUrl: redis.url });
});
afterAll(async () => {
  console.log(reports.join('\n'));
  await gateway.stop();
  await Promise.all([kafka.stop(), redis.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

/** Everything that was answered in this run, by decision id. */
const answered = new Set<string>();
let nextCall = 0;

/** Calls without a pause, and what each got. */
class Load {
  /** Calls by how they ended: `ok`, `ok, degraded`, or the code of the error. */
  readonly outcomes: Record<string, number> = {};
  readonly #loops: Promise<void>[];
  #isOver = false;

  constructor() {
    this.#loops = Array.from({ length: callers }, async () => {
      while (!this.#isOver) await this.#one();
    });
  }

  count(outcome: string): number {
    return this.outcomes[outcome] ?? 0;
  }

  othersThan(...expected: readonly string[]): readonly string[] {
    return Object.keys(this.outcomes).filter((outcome) => !expected.includes(outcome));
  }

  /** Resolves when so many more calls have ended so. */
  async more(outcome: string, calls: number): Promise<void> {
    const until = this.count(outcome) + calls;
    await eventually(() => this.count(outcome) >= until, {
      timeoutMs: 90_000,
      what: `${calls} more calls with ${outcome}`,
    });
  }

  async end(scenario: string): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#loops);
    reports.push(`${scenario}: ${JSON.stringify(this.outcomes)}`);
  }

  async #one(): Promise<void> {
    const n = nextCall++;
    let outcome: string;
    try {
      const { parameters } = await gateway.client.modelInfer(inferRequest({ id: `k${n}`, inputs: trip(`T${n}`) }));
      const id = parameters['decision_id']?.parameterChoice;
      if (id?.$case === 'stringParam') answered.add(id.value);
      const degraded = parameters['degraded']?.parameterChoice;
      outcome = degraded?.$case === 'boolParam' && degraded.value ? 'ok, degraded' : 'ok';
    } catch (error) {
      outcome = error instanceof ServiceError ? error.code : String(error);
    }
    this.outcomes[outcome] = this.count(outcome) + 1;
  }
}

/** Records of the log by decision id. */
async function logged(): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  await gateway.bus.readAll([topics.inferenceServed], ({ records }) => {
    for (const { value } of records) {
      if ((value?.length ?? 0) === 0) continue;
      const { decisionId } = serving.Inference.decode(value ?? Buffer.alloc(0));
      found.set(decisionId, (found.get(decisionId) ?? 0) + 1);
    }
  });
  return found;
}

describe('kill -9 under load', () => {
  afterEach(async () => {
    const missing = (found: ReadonlyMap<string, number>): string[] => [...answered].filter((id) => !found.has(id));
    await eventually(async () => missing(await logged()).length === 0, {
      timeoutMs: 90_000,
      what: 'every answer in the log',
    });
    const found = await logged();
    expect([...found].filter(([, times]) => times !== 1)).toEqual([]);
    reports.push(`  ${answered.size} answered so far, ${found.size} in the log, none missing, none twice`);
  });

  it(
    'of the model process: what ran there fails as retryable, what waited is asked again',
    { timeout: 240_000 },
    async () => {
      const load = new Load();
      for (let round = 0; round < 5; round += 1) {
        await load.more('ok', 100);
        const [child] = await childrenOf(gateway.process.pid);
        if (child !== undefined) process.kill(child, 'SIGKILL');
      }
      await load.more('ok', 200);
      await load.end('model process, 5 times');
      expect(load.othersThan('ok', 'EVL_ONNX_HOST_CRASHED')).toEqual([]);
    },
  );

  it('of Redis: every call is answered, degraded while it is away', { timeout: 240_000 }, async () => {
    const load = new Load();
    await load.more('ok', 100);
    redis.process.kill();
    await load.more('ok, degraded', 100);
    redis = await startRedis();
    await load.more('ok', 100);
    await load.end('Redis');
    expect(Object.keys(load.outcomes).sort()).toEqual(['ok', 'ok, degraded']);
  });

  it('of the broker: every call is answered, and the log catches up', { timeout: 240_000 }, async () => {
    const load = new Load();
    await load.more('ok', 100);
    kafka.process.kill();
    await kafka.process.exited;
    await load.more('ok', 300);
    kafka = await startKafka();
    await load.more('ok', 100);
    await load.end('broker');
    expect(Object.keys(load.outcomes)).toEqual(['ok']);
  });

  it('of the gateway: what it had answered is in the log', { timeout: 240_000 }, async () => {
    for (let round = 0; round < 3; round += 1) {
      const load = new Load();
      await load.more('ok', 100 + 77 * round);
      gateway.process.kill();
      await gateway.restart();
      await load.more('ok', 100);
      await load.end('gateway');
      expect(load.othersThan('ok', 'EVL_GRPC_UNAVAILABLE')).toEqual([]);
    }
  });
});
