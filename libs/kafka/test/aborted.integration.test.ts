import { createLogger } from '@everloop/service';
import type { Producer, Transaction } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Bus } from '../src/index.ts';
import { createKafkaClient } from '../src/kafkajs-client.ts';
import { brokers, eventually, readTopic, testBus, text, uniqueName } from './support.ts';

const client = createKafkaClient({
  brokers,
  clientId: 'aborted',
  logger: createLogger({ service: 'kafka-test', level: 'silent' }),
});
const producers: Producer[] = [];
let bus: Bus;

beforeAll(async () => {
  bus = testBus();
  await bus.start();
  for (const name of ['a', 'b', 'c']) {
    const producer = client.kafka.producer({ transactionalId: uniqueName(name), idempotent: true });
    await producer.connect();
    producers.push(producer);
  }
});
afterAll(async () => {
  await Promise.all(producers.map((producer) => producer.disconnect()));
  await bus.stop();
});

async function begin(topic: string, value: string, index: number): Promise<Transaction> {
  const transaction = await (producers[index] as Producer).transaction();
  await write(transaction, topic, value);
  return transaction;
}
async function write(transaction: Transaction, topic: string, value: string): Promise<void> {
  // A key of four zeros looks like the marker that gives a transaction up.
  await transaction.send({ topic, messages: [{ key: Buffer.alloc(4), value }] });
}

/**
 * Two tasks of one service write to one partition (as all tasks of a validator do to `<topic>.quality`), and both are killed: their
 * transactions overlap and are given up in either order.
 */
describe('what several producers gave up in one partition', () => {
  it.each([
    ['the later one first', [1, 0]],
    ['the earlier one first', [0, 1]],
  ])('is not read: %s', async (_name, order) => {
    const topic = uniqueName('aborted');
    await bus.ensureTopics([{ name: topic, partitions: 1 }]);
    const open = [await begin(topic, 'lost a', 0), await begin(topic, 'lost b', 1)];
    const kept = await begin(topic, 'kept 1', 2);
    for (const index of order) await open[index]?.abort();
    await write(kept, topic, 'kept 2');
    await kept.commit();
    await (await begin(topic, 'kept 3', 0)).commit();
    // What is committed can be read a little later.
    const read = await eventually(async () => {
      const values = (await readTopic(bus, topic)).map(text);
      return values.includes('kept 3') && values;
    });
    expect(read).toEqual(['kept 1', 'kept 2', 'kept 3']);

    // Also by a reader that begins inside of both.
    const [{ high } = { high: 0n }] = await bus.offsets(topic);
    for (let from = 0n; from < high; from += 1n) {
      const seen: string[] = [];
      await bus.readRanges([{ topic, partition: 0, from, until: high }], ({ records }) => {
        seen.push(...records.map(text));
      });
      expect(seen.filter((value) => value.startsWith('lost'))).toEqual([]);
    }
  });
});
