import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Bus, SinkHandler } from '../src/index.ts';
import { numbered, publishAll } from './fixtures.ts';
import { eventually, testBus, text, uniqueName } from './support.ts';

let bus: Bus;
beforeAll(async () => {
  bus = testBus();
  await bus.start();
});
afterAll(async () => await bus.stop());

/** A store that applies a batch and its next offset together, or fails before both. */
class Store implements SinkHandler {
  readonly positions = new Map<string, bigint>();
  readonly values: number[] = [];
  readonly watermarks: number[] = [];
  readonly lost: string[] = [];
  failures = 0;

  position(topic: string, partition: number): Promise<bigint | null> {
    return Promise.resolve(this.positions.get(`${topic}/${partition}`) ?? null);
  }

  apply(
    { topic, partition, records }: Parameters<SinkHandler['apply']>[0],
    after: Parameters<SinkHandler['apply']>[1],
  ): Promise<void> {
    if (this.failures > 0) {
      this.failures -= 1;
      return Promise.reject(new Error('the store is away'));
    }
    for (const record of records) this.values.push(Number(text(record)));
    this.positions.set(`${topic}/${partition}`, after.nextOffset);
    return Promise.resolve();
  }

  onWatermark(watermarkMs: number): void {
    this.watermarks.push(watermarkMs);
  }

  released(topic: string, partition: number): void {
    this.lost.push(`${topic}/${partition}`);
  }
}

describe('sink', () => {
  it('goes on from the stored positions, through failures and restarts, and takes the watermark along', async () => {
    const topic = uniqueName('topic');
    const groupId = uniqueName('g');
    await bus.ensureTopics([{ name: topic, partitions: 2 }]);
    const store = new Store();
    const clock = bus.publisher({ name: 'clock' });
    await publishAll(bus, numbered(topic, 100, 2));
    await clock.publishWatermark(topic, 1_000);
    store.failures = 3;
    const first = bus.sink({ groupId, inputs: [topic], handler: store });
    await first.start();
    await eventually(() => store.watermarks.length > 0);
    expect(store.values.length).toBe(100);
    await first.stop();
    await publishAll(bus, numbered(topic, 100, 2, 100));
    const second = bus.sink({ groupId, inputs: [topic], handler: store });
    await second.start();
    await eventually(() => store.values.length === 200);
    await eventually(() => second.health?.().ok === true);
    await second.stop();
    await clock.stop();
    expect([...store.values].sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, n) => n));
    // The second one heard no marker of its own.
    expect(store.watermarks).toEqual([1_000, 1_000]);
  });

  it('hands partitions over to a second process', async () => {
    const topic = uniqueName('topic');
    const groupId = uniqueName('g');
    await bus.ensureTopics([{ name: topic, partitions: 2 }]);
    const store = new Store();
    const other = testBus();
    await other.start();
    const a = bus.sink({ groupId, inputs: [topic], handler: store });
    const b = other.sink({ groupId, inputs: [topic], handler: store });
    await a.start();
    await publishAll(bus, numbered(topic, 10, 2));
    await eventually(() => store.values.length === 10);
    await b.start();
    await eventually(() => store.lost.length === 1);
    await publishAll(bus, numbered(topic, 10, 2, 10));
    await eventually(() => store.values.length >= 20);
    await Promise.all([a.stop(), b.stop()]);
    await other.stop();
    expect([...store.values].sort((x, y) => x - y)).toEqual(Array.from({ length: 20 }, (_, n) => n));
  });
});
