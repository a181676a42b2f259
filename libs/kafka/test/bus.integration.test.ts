import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Bus } from '../src/index.ts';
import { numbered, publishAll } from './fixtures.ts';
import { eventually, readTopic, testBus, text, uniqueName } from './support.ts';

let bus: Bus;
beforeAll(async () => {
  bus = testBus();
  await bus.start();
});
afterAll(async () => await bus.stop());

describe('topics', () => {
  it('are created once, found again, and refused with other partitions', async () => {
    const name = uniqueName('t');
    await bus.ensureTopics([{ name, partitions: 3, compacted: true, config: { 'retention.ms': '60000' } }]);
    await bus.ensureTopics([{ name, partitions: 3 }]);
    expect(await bus.partitionCount(name)).toBe(3);
    await expect(bus.ensureTopics([{ name, partitions: 4 }])).rejects.toMatchObject({
      code: 'EVL_KAFKA_TOPIC_MISMATCH',
      message: expect.stringContaining('has 3 partitions but 4 are asked for') as string,
    });
  });

  it('can be made by several processes at once', async () => {
    const specs = Array.from({ length: 5 }, () => ({ name: uniqueName('t'), partitions: 2 }));
    await Promise.all([
      bus.ensureTopics(specs),
      bus.ensureTopics([...specs].reverse()),
      bus.ensureTopics(specs.slice(2)),
    ]);
    expect(await bus.partitionCount(specs[4]?.name ?? '')).toBe(2);
  });

  it('that the broker refuses are named with the reason', async () => {
    await expect(bus.ensureTopics([{ name: 'no spaces allowed', partitions: 1 }])).rejects.toMatchObject({
      code: 'EVL_KAFKA_TOPIC_INVALID',
    });
  });

  it('that do not come are named', async () => {
    const [here, missing] = [uniqueName('here'), uniqueName('missing')];
    await bus.ensureTopics([{ name: here, partitions: 1 }]);
    await bus.awaitTopics([here], 0);
    await expect(bus.awaitTopics([here, missing], 100)).rejects.toMatchObject({
      code: 'EVL_KAFKA_TOPIC_MISSING',
      message: expect.stringContaining(`no topic '${missing}' after 100 ms`) as string,
    });
    await expect(bus.partitionCount(missing)).rejects.toMatchObject({ code: 'EVL_KAFKA_TOPIC_MISSING' });
    await expect(bus.readAll([missing], () => undefined)).rejects.toMatchObject({ code: 'EVL_KAFKA_TOPIC_MISSING' });
  });

  it('tell their offsets', async () => {
    const topic = uniqueName('t');
    await bus.ensureTopics([{ name: topic, partitions: 2 }]);
    await publishAll(bus, numbered(topic, 5, 2));
    expect(await bus.offsets(topic)).toEqual([
      { partition: 0, low: 0n, high: 3n },
      { partition: 1, low: 0n, high: 2n },
    ]);
  });
});

describe('publisher', () => {
  it('cuts more than a broker takes at once and keeps the order', async () => {
    const topic = uniqueName('t');
    await bus.ensureTopics([{ name: topic, partitions: 1 }]);
    const publisher = bus.publisher({ name: 'big' });
    const padding = 'x'.repeat(2_000);
    const record = (n: number) => ({ topic, key: null, value: `${n} ${padding}` });
    await Promise.all([
      publisher.publish(Array.from({ length: 1_500 }, (_, n) => record(n))),
      ...Array.from({ length: 20 }, async (_, n) => await publisher.publish([record(1_500 + n)])),
    ]);
    expect(publisher.queuedBytes).toBe(0);
    const records = await readTopic(bus, topic);
    expect(records.map((r) => Number(text(r).split(' ')[0]))).toEqual(Array.from({ length: 1_520 }, (_, n) => n));
    await publisher.stop();
  });

  it('rejects what the broker refuses for good, alone', async () => {
    const topic = uniqueName('t');
    await bus.ensureTopics([{ name: topic, partitions: 1, config: { 'max.message.bytes': '20000' } }]);
    const publisher = bus.publisher({ name: 'large' });
    const small = publisher.publish([{ topic, key: null, value: 'a' }]);
    const large = publisher.publish([{ topic, key: null, value: 'b'.repeat(30_000) }]);
    const after = publisher.publish([{ topic, key: null, value: 'c' }]);
    await expect(large).rejects.toMatchObject({ code: 'EVL_KAFKA_RECORD_TOO_LARGE', kind: 'terminal' });
    await Promise.all([small, after]);
    expect((await readTopic(bus, topic)).map(text)).toEqual(['a', 'c']);
    await publisher.stop();
  });

  it('rejects beyond its queue and after it was stopped, and flushes before', async () => {
    const topic = uniqueName('t');
    await bus.ensureTopics([{ name: topic, partitions: 1 }]);
    const publisher = bus.publisher({ name: 'small', queueBytesMax: 1_000 });
    const first = publisher.publish([{ topic, key: null, value: 'x'.repeat(900) }]);
    await expect(publisher.publish([{ topic, key: null, value: 'x'.repeat(900) }])).rejects.toMatchObject({
      code: 'EVL_KAFKA_QUEUE_FULL',
    });
    await publisher.stop();
    await first;
    await expect(publisher.publish([{ topic, key: null, value: 'x' }])).rejects.toMatchObject({
      code: 'EVL_KAFKA_STOPPED',
    });
    expect((await readTopic(bus, topic)).length).toBe(1);
  });

  it('writes watermarks after what was published before, to every partition', async () => {
    const topic = uniqueName('t');
    await bus.ensureTopics([{ name: topic, partitions: 3 }]);
    const publisher = bus.publisher({ name: 'clock' });
    const seen: string[] = [];
    const follower = bus.follow({
      topics: [topic],
      from: 'beginning',
      onRecord: (r) => void seen.push(text(r)),
      onWatermark: (_t, w) => void seen.push(`w${w}`),
    });
    await follower.start();
    const data = publisher.publish(numbered(topic, 9, 3));
    await Promise.all([data, publisher.publishWatermark(topic, 7)]);
    await eventually(() => seen.includes('w7'));
    expect(seen.length).toBe(10);
    expect(seen.at(-1)).toBe('w7');
    await Promise.all([follower.stop(), publisher.stop()]);
  });
});

describe('follower', () => {
  it('has given everything when start resolves, and goes on; headers come as text', async () => {
    const topic = uniqueName('t');
    await bus.ensureTopics([{ name: topic, partitions: 2 }]);
    await publishAll(bus, numbered(topic, 2_000, 2));
    const seen: string[] = [];
    const follower = bus.follow({
      topics: [topic],
      from: 'beginning',
      onRecord: (r) => void seen.push(r.headers['h'] ?? text(r)),
    });
    await follower.start();
    expect(seen.length).toBe(2_000);
    await publishAll(bus, [{ topic, key: 'k', value: 'v', headers: { h: 'über' } }]);
    await eventually(() => seen.includes('über'));
    await follower.stop();
  });

  it('from the end gives only what comes later', async () => {
    const topic = uniqueName('t');
    await bus.ensureTopics([{ name: topic, partitions: 1 }]);
    await publishAll(bus, numbered(topic, 5, 1));
    const seen: string[] = [];
    const follower = bus.follow({ topics: [topic], from: 'end', onRecord: (r) => void seen.push(text(r)) });
    await follower.start();
    await publishAll(bus, numbered(topic, 2, 1, 5));
    await eventually(() => seen.length === 2);
    expect(seen).toEqual(['5', '6']);
    await follower.stop();
  });

  it('gives a record again until it is taken, skipping none', async () => {
    const topic = uniqueName('t');
    await bus.ensureTopics([{ name: topic, partitions: 1 }]);
    await publishAll(bus, numbered(topic, 3, 1));
    const seen: string[] = [];
    let refusals = 2;
    const follower = bus.follow({
      topics: [topic],
      from: 'beginning',
      onRecord: (r) => {
        if (text(r) === '1' && (refusals -= 1) >= 0) throw new Error('not now');
        seen.push(text(r));
      },
    });
    await follower.start();
    expect(seen).toEqual(['0', '1', '2']);
    await follower.stop();
  });

  it('can be stopped while it waits for a topic', async () => {
    const follower = bus.follow({ topics: [uniqueName('never')], from: 'beginning', onRecord: () => undefined });
    const starting = follower.start();
    await follower.stop();
    await starting;
  });
});
