import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deferred } from '@everloop/service';
import type { Bus, Feed } from '../src/index.ts';
import { kafkajs } from '../src/kafkajs-patches.ts';
import { partitionOfKey } from '../src/partitioner.ts';
import { counterFeed } from './counter-feed.ts';
import { brokers, eventually, readTopic, testBus, text, uniqueName } from './support.ts';

let bus: Bus;
const children: ChildProcess[] = [];
beforeAll(async () => {
  bus = testBus();
  await bus.start();
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await bus.stop();
});

async function topicsFor(partitions: number) {
  const names = { groupId: uniqueName('g'), stateTopic: uniqueName('state'), to: uniqueName('to') };
  await bus.ensureTopics([
    { name: names.stateTopic, partitions: 2, compacted: true },
    { name: names.to, partitions },
  ]);
  return names;
}

describe('feeds', () => {
  it('records and state are one: after an error, a new definition and a restart it goes on where it was', async () => {
    const { groupId, stateTopic, to } = await topicsFor(1);
    let failures = 2;
    const failing: Feed = {
      everyMs: 10,
      open: async (state) => {
        const handler = await counterFeed(to, 40, 7).open(state);
        return {
          next: async (signal) => {
            const batch = await handler.next(signal);
            if (Number(state.get('n') ?? 0) < 14 && failures-- > 0) throw new Error('the source hiccups');
            return batch;
          },
        };
      },
    };
    const first = bus.feeds({ groupId, stateTopic });
    first.set('numbers', failing);
    await first.start();
    await eventually(async () => (await readTopic(bus, to)).length === 40);
    first.set('numbers', counterFeed(to, 60, 9));
    await eventually(async () => (await readTopic(bus, to)).length === 60);
    await first.stop();
    const second = bus.feeds({ groupId, stateTopic });
    second.set('numbers', counterFeed(to, 80, 11));
    await second.start();
    const records = await eventually(async () => {
      const found = await readTopic(bus, to);
      return found.length >= 80 && found;
    });
    await second.stop();
    expect(records.map((r) => Number(text(r)))).toEqual(Array.from({ length: 80 }, (_, n) => n));
  });

  it('its state is found behind the open transaction of another feed', async () => {
    const { groupId, stateTopic, to } = await topicsFor(1);
    const client = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING });
    const other = client.producer({ transactionalId: uniqueName('other'), idempotent: true, maxInFlightRequests: 1 });
    await other.connect();
    const isOpen = deferred();
    const first = bus.feeds({ groupId, stateTopic, isAlone: true });
    first.set('numbers', {
      everyMs: 10,
      open: async (state) => {
        const numbers = await counterFeed(to, 40, 10).open(state);
        let asked = 0;
        return {
          next: async (signal) => {
            if ((asked += 1) === 3) await isOpen.promise;
            return await numbers.next(signal);
          },
        };
      },
    });
    await first.start();
    await eventually(async () => (await readTopic(bus, to)).length === 20);
    const transaction = await other.transaction();
    const partition = partitionOfKey('numbers', 2);
    await transaction.send({ topic: stateTopic, messages: [{ partition, key: 'other/n', value: '1' }] });
    isOpen.resolve();
    await eventually(async () => (await readTopic(bus, to)).length === 40);
    await first.stop();
    const second = bus.feeds({ groupId, stateTopic, isAlone: true });
    second.set('numbers', counterFeed(to, 60, 10));
    await second.start();
    // The broker gives nothing of the partition that lies behind the open transaction yet.
    const early = await eventually(async () => (await readTopic(bus, to)).length > 40, 1_000).catch(() => false);
    await transaction.commit();
    await eventually(async () => (await readTopic(bus, to)).length >= 60);
    await second.stop();
    await other.disconnect();
    expect(early).toBe(false);
    expect((await readTopic(bus, to)).map((r) => Number(text(r)))).toEqual(Array.from({ length: 60 }, (_, n) => n));
  });

  it('feeds are shared out, and one in trouble says why without stopping the others', async () => {
    const { groupId, stateTopic, to } = await topicsFor(1);
    const runner = bus.feeds({ groupId, stateTopic });
    runner.set('good', counterFeed(to, 5, 5));
    runner.set('bad', { everyMs: 10, open: () => Promise.reject(new Error('no such folder')) });
    await runner.start();
    await eventually(async () => (await readTopic(bus, to)).length === 5);
    await eventually(() => runner.trouble('bad') === 'no such folder');
    expect(runner.trouble('good')).toBeNull();
    expect(runner.trouble('unknown')).toBeUndefined();
    expect(runner.health?.()).toEqual({ ok: true });
    await runner.stop();
    expect(runner.trouble('bad')).toBeUndefined();
  });

  it('kill -9 again and again: every number once, in order, over all partitions', { timeout: 120_000 }, async () => {
    const { groupId, stateTopic, to } = await topicsFor(2);
    const total = 6_000;
    const count = async (): Promise<number> => (await readTopic(bus, to)).length;
    for (let round = 1; round <= 5; round += 1) {
      const child = fork(new URL('./feed-worker.ts', import.meta.url), [groupId, stateTopic, to, String(total)], {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      });
      children.push(child);
      await eventually(async () => (await count()) >= (total * round) / 6, 60_000);
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    const runner = bus.feeds({ groupId, stateTopic });
    runner.set('numbers', counterFeed(to, total, 50));
    await runner.start();
    await eventually(async () => (await count()) >= total, 60_000);
    await runner.stop();
    const values = (await readTopic(bus, to)).map((r) => Number(text(r)));
    expect(values.sort((a, b) => a - b)).toEqual(Array.from({ length: total }, (_, n) => n));
  });
});
