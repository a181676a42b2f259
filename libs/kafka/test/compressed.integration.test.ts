import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Bus } from '../src/index.ts';
import { readTopic, testBus, text, uniqueName } from './support.ts';

let bus: Bus;
beforeAll(async () => {
  bus = testBus();
  await bus.start();
});
afterAll(async () => await bus.stop());

describe('records that a broker has compressed', () => {
  // A topic with a compression of its own makes the broker pack what it is given: its code, and that of Kafka's producers.
  it.each(['gzip', 'snappy', 'lz4', 'zstd'])('with %s are read as they were', async (codec) => {
    const topic = uniqueName('compressed');
    await bus.ensureTopics([{ name: topic, partitions: 1, config: { 'compression.type': codec } }]);
    // Texts that repeat, texts that do not, and one that takes several blocks.
    const noise = (n: number): string =>
      Array.from({ length: 300 }, (_, i) => ((i * n * 2_654_435_761) >>> 7).toString(36)).join('');
    const values = [
      ...Array.from({ length: 2_000 }, (_, n) => (n % 3 === 0 ? noise(n + 1) : 'abc'.repeat(n % 90))),
      'x'.repeat(700_000),
    ];
    const publisher = bus.publisher({ name: 'fixture' });
    for (let from = 0; from < values.length; from += 700)
      await publisher.publish(values.slice(from, from + 700).map((value) => ({ topic, key: 'k', value })));
    await publisher.stop();
    expect((await readTopic(bus, topic)).map(text)).toEqual(values);
  });
});
