import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Bus, BusRecord, TaskHandler } from '../src/index.ts';
import { kafkajs } from '../src/kafkajs-patches.ts';
import { copyHandler, copyTask, numbered, publishAll } from './fixtures.ts';
import { brokers, capturingLogger, eventually, readTopic, testBus, text, uniqueName } from './support.ts';

let bus: Bus;
beforeAll(async () => {
  bus = testBus();
  await bus.start();
});
afterAll(async () => await bus.stop());

async function topicsOf(...partitions: number[]): Promise<string[]> {
  const names = partitions.map((_, i) => uniqueName(`t${i}`));
  await bus.ensureTopics(names.map((name, i) => ({ name, partitions: partitions[i] ?? 1 })));
  return names;
}

/** Each source record exactly once, in order within a partition. */
function expectExactlyOnce(records: readonly BusRecord[], count: number): void {
  expect(records.map(text).sort((a, b) => Number(a) - Number(b))).toEqual(
    Array.from({ length: count }, (_, n) => String(n)),
  );
  for (const partition of new Set(records.map((r) => r.partition))) {
    const values = records.filter((r) => r.partition === partition).map((r) => Number(text(r)));
    expect(values).toEqual([...values].sort((a, b) => a - b));
  }
}

describe('tasks', () => {
  it('copies exactly once although the handler throws midway, with a new handler each time', async () => {
    const [from = '', to = ''] = await topicsOf(2, 2);
    await publishAll(bus, numbered(from, 4_000, 2));
    let made = 0;
    const failing = (): TaskHandler => {
      const inner = copyHandler(to);
      let left = made < 6 ? 300 : Infinity;
      made += 1;
      return {
        onRecords(batch, context) {
          for (const record of batch.records) {
            if ((left -= 1) < 0) throw new Error('midway');
            void inner.onRecords({ ...batch, records: [record] }, context);
          }
        },
      };
    };
    const { logger, lines } = capturingLogger();
    const own = testBus({ logger });
    await own.start();
    const runner = own.tasks({ groupId: uniqueName('g'), inputs: [from], createHandler: failing });
    await runner.start();
    await eventually(async () => (await readTopic(bus, to)).length === 4_000);
    await publishAll(bus, numbered(from, 1_000, 2, 4_000));
    await eventually(async () => (await readTopic(bus, to)).length === 5_000);
    expect(runner.health?.()).toEqual({ ok: true });
    await runner.stop();
    await own.stop();
    expectExactlyOnce(await readTopic(bus, to), 5_000);
    expect(made).toBeGreaterThan(6);
    expect(lines.some((l) => l.message.startsWith('a batch failed and was rolled back'))).toBe(true);
  });

  it('handles at most so many records in one transaction, and tells the handler what became of it', async () => {
    const [from = '', to = ''] = await topicsOf(1, 1);
    await publishAll(bus, numbered(from, 100, 1));
    const events: string[] = [];
    let isFirst = true;
    const createHandler = (): TaskHandler => {
      const inner = copyHandler(to);
      const mayFail = isFirst;
      isFirst = false;
      return {
        onRecords(batch, context) {
          events.push(String(batch.records.length));
          if (mayFail && batch.records.some((record) => text(record) === '30')) throw new Error('the third portion');
          return inner.onRecords(batch, context);
        },
        settled: (isCommitted) => void events.push(isCommitted ? 'committed' : 'given up'),
      };
    };
    const runner = copyTask(bus, uniqueName('g'), from, to, { recordsMax: 15, createHandler });
    await runner.start();
    await eventually(async () => (await readTopic(bus, to)).length === 100);
    await runner.stop();
    expectExactlyOnce(await readTopic(bus, to), 100);
    const portion = ['15', 'committed'];
    expect(events).toEqual([
      ...[...portion, ...portion, '15', 'given up'],
      ...[...portion, ...portion, ...portion, ...portion, '10', 'committed', 'given up'],
    ]);
  });

  it('lets a handler that gathers emit what it holds before each transaction', async () => {
    const [from = '', to = ''] = await topicsOf(1, 1);
    await publishAll(bus, numbered(from, 50, 1));
    const createHandler = (): TaskHandler => {
      const held: string[] = [];
      return {
        onRecords: (batch) => void held.push(...batch.records.map(text)),
        flush(context) {
          context.emit({ topic: to, key: null, value: held.splice(0).join(' ') });
        },
      };
    };
    const runner = copyTask(bus, uniqueName('g'), from, to, { recordsMax: 20, createHandler });
    await runner.start();
    await eventually(async () => (await readTopic(bus, to)).length === 3);
    await runner.stop();
    const gathered = (await readTopic(bus, to)).map((record) => text(record).split(' '));
    expect(gathered.map(({ length }) => length)).toEqual([20, 20, 10]);
    expect(gathered.flat()).toEqual(Array.from({ length: 50 }, (_, n) => String(n)));
  });

  it('lets a handler gather over fetches while more is at hand, and emit all of it in the end', async () => {
    const [from = '', between = '', to = ''] = await topicsOf(1, 1, 1);
    const count = 4_000;
    const filling = ' '.repeat(1_000);
    await publishAll(
      bus,
      numbered(from, count, 1).map((record) => ({ ...record, value: `${String(record.value)}${filling}` })),
    );
    // Written by transactions, the last thing in the topic is no data.
    const copies = copyTask(bus, uniqueName('g'), from, between);
    await copies.start();
    await eventually(async () => (await readTopic(bus, between)).length === count);
    await copies.stop();
    const createHandler = (): TaskHandler => {
      let held: string[] = [];
      return {
        onRecords: (batch) => void held.push(...batch.records.map((record) => text(record).trim())),
        flush(context) {
          if (held.length > 0) context.emit({ topic: to, key: null, value: held.join(' ') });
          held = [];
        },
      };
    };
    const runner = copyTask(bus, uniqueName('g'), between, to, { createHandler });
    await runner.start();
    const gathered = async () => (await readTopic(bus, to)).flatMap((record) => text(record).split(' '));
    await eventually(async () => (await gathered()).length >= count);
    await runner.stop();
    expect(await gathered()).toEqual(Array.from({ length: count }, (_, n) => String(n)));
  });

  it('keeps the timestamps that records were given, whatever their order', async () => {
    const [from = '', to = ''] = await topicsOf(1, 1);
    const times = [5_000, 0, 1_700_000_000_000, 1];
    await publishAll(
      bus,
      times.map((timestampMs, n) => ({ topic: from, partition: 0, key: null, value: String(n), timestampMs })),
    );
    const runner = copyTask(bus, uniqueName('g'), from, to);
    await runner.start();
    await eventually(async () => (await readTopic(bus, to)).length === times.length);
    await runner.stop();
    for (const topic of [from, to]) expect((await readTopic(bus, topic)).map((r) => r.timestampMs)).toEqual(times);
  });

  it('commits outputs and the offsets of all inputs together', async () => {
    const [a = '', b = '', to = ''] = await topicsOf(1, 1, 1);
    const groupId = uniqueName('g');
    await publishAll(bus, [...numbered(a, 50, 1), ...numbered(b, 50, 1, 50)]);
    for (let round = 0; round < 3; round += 1) {
      const runner = bus.tasks({ groupId, inputs: [a, b], createHandler: () => copyHandler(to) });
      await runner.start();
      const want = 100 + round * 20;
      await eventually(async () => (await readTopic(bus, to)).length >= want);
      await runner.stop();
      await publishAll(bus, [...numbered(a, 10, 1, want), ...numbered(b, 10, 1, want + 10)]);
    }
    const values = (await readTopic(bus, to)).map((r) => Number(text(r)));
    expect(values.sort((x, y) => x - y)).toEqual(Array.from({ length: 140 }, (_, n) => n));
  });

  it('goes on where it was when the broker knows its end later than the committed offset', async () => {
    const [from = '', to = ''] = await topicsOf(1, 1);
    const groupId = uniqueName('g');
    await publishAll(bus, numbered(from, 50, 1));
    const admin = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();
    await admin.connect();
    await admin.setOffsets({ groupId, topic: from, partitions: [{ partition: 0, offset: '60' }] });
    await admin.disconnect();
    const { logger, lines } = capturingLogger();
    const own = testBus({ logger });
    await own.start();
    const runner = copyTask(own, groupId, from, to);
    await runner.start();
    await eventually(() => lines.some(({ message }) => message.includes('end before the committed offset')));
    await publishAll(bus, numbered(from, 20, 1, 50));
    await eventually(async () => (await readTopic(bus, to)).length >= 10);
    await runner.stop();
    await own.stop();
    expect((await readTopic(bus, to)).map(text)).toEqual(Array.from({ length: 10 }, (_, n) => String(60 + n)));
  });

  it('shares the partitions with a second process and takes them over when it leaves', async () => {
    const [from = '', to = ''] = await topicsOf(4, 4);
    const groupId = uniqueName('g');
    const other = testBus();
    await other.start();
    const held: Record<string, Set<number>> = { a: new Set(), b: new Set() };
    const runnerOf = (which: 'a' | 'b', on: Bus) =>
      copyTask(on, groupId, from, to, {
        createHandler: (partition) => {
          held[which]?.add(partition);
          return copyHandler(to);
        },
      });
    const a = runnerOf('a', bus);
    const b = runnerOf('b', other);
    await a.start();
    await eventually(() => held['a']?.size === 4);
    await b.start();
    await eventually(() => held['b']?.size === 2);
    await publishAll(bus, numbered(from, 400, 4));
    await eventually(async () => (await readTopic(bus, to)).length === 400);
    held['a']?.clear();
    await b.stop();
    await eventually(() => held['a']?.size === 2);
    await publishAll(bus, numbered(from, 400, 4, 400));
    await eventually(async () => (await readTopic(bus, to)).length === 800);
    await Promise.all([a.stop(), other.stop()]);
    expectExactlyOnce(await readTopic(bus, to), 800);
  });

  it('refuses inputs with different numbers of partitions', async () => {
    const [one = '', two = ''] = await topicsOf(1, 2);
    const runner = bus.tasks({ groupId: uniqueName('g'), inputs: [one, two], createHandler: () => copyHandler(one) });
    await expect(runner.start()).rejects.toMatchObject({ code: 'EVL_KAFKA_NOT_COPARTITIONED' });
    await runner.stop();
  });

  it('waits for inputs that do not exist yet', async () => {
    const [to = ''] = await topicsOf(1);
    const from = uniqueName('later');
    const runner = copyTask(bus, uniqueName('g'), from, to);
    await runner.start();
    await eventually(() => {
      const health = runner.health?.();
      return health?.ok === false && health.reason.includes(`waiting for topics ${from}`);
    });
    await bus.ensureTopics([{ name: from, partitions: 1 }]);
    await publishAll(bus, numbered(from, 5, 1));
    await eventually(async () => (await readTopic(bus, to)).length === 5);
    await runner.stop();
  });

  it('can be stopped before it is started, and twice', async () => {
    const runner = copyTask(bus, uniqueName('g'), uniqueName('none'), uniqueName('none'));
    await runner.stop();
    await runner.start();
    await runner.stop();
  });
});
