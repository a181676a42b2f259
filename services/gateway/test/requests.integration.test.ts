import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { topics } from '@everloop/contracts';
import type { Bus } from '@everloop/kafka';
import { eventually, isolatedBus, testBus, uniqueName } from '@everloop/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const prefix = uniqueName('requests');
const children: ChildProcess[] = [];
let inner: Bus;
let bus: Bus;

beforeAll(async () => {
  inner = await testBus();
  bus = isolatedBus(inner, prefix);
  await bus.ensureTopics([topics.predictRequest, topics.predictAnswer].map((name) => ({ name, partitions: 4 })));
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await inner.stop();
});

interface Answer {
  readonly id: string;
  readonly prediction?: { readonly score: number };
  readonly error?: { readonly code: string };
}

async function answers(): Promise<Answer[]> {
  const found: Answer[] = [];
  await bus.readAll([topics.predictAnswer], ({ records }) => {
    for (const { value } of records) found.push(JSON.parse(String(value)) as Answer);
  });
  return found;
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
  });
});
