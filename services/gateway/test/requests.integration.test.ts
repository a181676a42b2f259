import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { decisions, serving, topics } from '@everloop/contracts';
import type { Bus } from '@everloop/kafka';
import { pause } from '@everloop/service';
import { eventually, isolatedBus, testBrokers, testBus, testRedisUrl, uniqueName } from '@everloop/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { childrenOf, startRealGateway, type RealGateway } from './real/real-gateway.ts';

const prefix = uniqueName('requests');
const children: ChildProcess[] = [];
let inner: Bus;
let bus: Bus;
let gateway: RealGateway | undefined;
/** Kills of the gateway; each costs the ten seconds in which the group notices. */
const kills = 5;

beforeAll(async () => {
  inner = await testBus();
  bus = isolatedBus(inner, prefix);
  const names = [topics.predictRequest, topics.predictAnswer, topics.inferenceServed];
  await bus.ensureTopics(names.map((name) => ({ name, partitions: 4 })));
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await gateway?.stop();
  await inner.stop();
});

interface Answer {
  readonly id: string;
  readonly prediction?: { readonly score: number; readonly decision_id: string };
  readonly error?: { readonly code: string };
}

/** The values of a topic; markers have none. */
async function values(of: Bus, topic: string): Promise<Buffer[]> {
  const found: Buffer[] = [];
  await of.readAll([topic], ({ records }) => {
    for (const { value } of records) if (value !== null && value.length > 0) found.push(value);
  });
  return found;
}

async function answers(of = bus): Promise<Answer[]> {
  return (await values(of, topics.predictAnswer)).map((value) => JSON.parse(String(value)) as Answer);
}

function worker() {
  const child = fork(new URL('./request-worker.ts', import.meta.url), [prefix], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  children.push(child);
  const seen = { calls: 0 };
  child.on('message', () => (seen.calls += 1));
  return { child, seen };
}

describe('requests over a real broker', () => {
  it('kill -9 at any moment: each has one answer, bad ones their reasons', { timeout: 300_000 }, async () => {
    const count = 3_000;
    const publisher = bus.publisher({ name: 'test' });
    const ask = (from: number, until: number) =>
      publisher.publish(
        Array.from({ length: until - from }, (_, i) => {
          const n = from + i;
          const body = { model: 'm', id: String(n), features: { x: n } };
          return { topic: topics.predictRequest, key: String(n), value: n % 50 === 0 ? '{' : JSON.stringify(body) };
        }),
      );
    for (let round = 0; round < 4; round += 1) {
      await ask((round * count) / 5, ((round + 1) * count) / 5);
      const { child, seen } = worker();
      // The first calls of a round come after the group has let go of the process before.
      await eventually(() => seen.calls > 100 + 150 * round, { timeoutMs: 120_000 });
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await ask((4 * count) / 5, count);
    worker();
    await eventually(async () => (await answers()).length >= count, { timeoutMs: 120_000 });
    await publisher.stop();
    const found = await answers();
    expect(found).toHaveLength(count);
    const good = found.filter(({ prediction }) => prediction !== undefined);
    expect(new Set(good.map(({ id }) => id)).size).toBe(count - count / 50);
    for (const { id, prediction } of good) expect(prediction?.score).toBe(2 * Number(id));
    const bad = found.filter(({ prediction }) => prediction === undefined);
    expect(bad.map(({ error }) => error?.code)).toEqual(bad.map(() => 'EVL_GATEWAY_REQUEST_INVALID'));
    expect(bad).toHaveLength(count / 50);
    // Once in the log, though every try wrote it there and every seventh failed behind that.
    const logged = (await values(bus, topics.inferenceServed)).map(String);
    expect(logged.sort()).toEqual(good.map(({ id }) => id).sort());
  });

  it(
    'kill -9 of workers and of a whole pool while requests flow: each has one answer and one record of each kind',
    { timeout: 400_000 },
    async () => {
      const rewards = { waitMs: 3_600_000, default: 0, aggregate: 'sum', min: 0, max: 1 } as const;
      gateway = await startRealGateway({
        ...{ brokers: testBrokers().join(','), redisUrl: testRedisUrl(), model: { rewards } },
        env: { EVL_GATEWAY_WORKERS: '2' },
        route: { shadows: [{ version: '2', share: 1, tolerance: 0.01 }] },
      });
      const { bus: its } = gateway;
      const publisher = its.publisher({ name: 'test' });
      let asked = 0;
      const over = new AbortController();
      const flow = (async () => {
        while (!over.signal.aborted) {
          const some = Array.from({ length: 40 }, () => {
            const n = (asked += 1);
            const features = { trip: `T${n}`, origin: 'EWR', distance: n % 900 };
            const value = JSON.stringify({ model: 'delay', id: `a${n}`, features });
            return { topic: topics.predictRequest, key: String(n), value };
          });
          await publisher.publish(some);
          // A steady flow, so that kills find requests in every state.
          await pause(50);
        }
      })();
      for (let kill = 0; kill < kills; kill += 1) {
        const before = (await answers(its)).length;
        // Not always as early after the group has given the partitions to the new process.
        await eventually(async () => (await answers(its)).length > before + 200 + 90 * kill, { timeoutMs: 60_000 });
        // A worker of the pool, whose partitions the other takes over, or all of it at once.
        const [worker] = await childrenOf(gateway.process.pid);
        if (kill % 2 === 0 && worker !== undefined) process.kill(worker, 'SIGKILL');
        else {
          gateway.process.kill();
          await gateway.restart();
        }
      }
      over.abort();
      await flow;
      await publisher.stop();
      await eventually(async () => (await answers(its)).length >= asked, { timeoutMs: 90_000 });
      const found = await answers(its);
      expect(found).toHaveLength(asked);
      const ids = found.map(({ prediction }) => prediction?.decision_id ?? '').sort();
      expect(new Set(ids).size).toBe(asked);
      const served = (await values(its, topics.inferenceServed)).map((value) => serving.Inference.decode(value));
      expect(served.map(({ decisionId }) => decisionId).sort()).toEqual(ids);
      const decided = (await values(its, topics.decisionMade)).map((value) => decisions.Decision.decode(value));
      expect(decided.map(({ decisionId }) => decisionId).sort()).toEqual(ids);
      const shadowed = (await values(its, topics.inferenceShadowed)).map((value) => serving.Inference.decode(value));
      // Of a shadow that takes too long nothing is logged.
      const mirrored = shadowed.map(({ requestId }) => requestId);
      expect(new Set(mirrored).size).toBe(mirrored.length);
      expect(mirrored.length).toBeGreaterThan(asked / 2);
      console.log(
        `${kills} kills: ${asked} requests, each with one answer, inference and decision; ${mirrored.length} shadows`,
      );
    },
  );
});
