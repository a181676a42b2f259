import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts, startLocalKafka, type LocalKafka } from '@everloop/local';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BusRecord } from '../src/index.ts';
import { copyTask, numbered } from './fixtures.ts';
import { capturingLogger, eventually, readTopic, testBus, text, uniqueName } from './support.ts';

/** A broker of this test's own, because it is killed as by a power cut and started again. */
let folder: string;
let port = 0;
let controllerPort = 0;
let broker: LocalKafka | null = null;

async function start(): Promise<void> {
  broker = await startLocalKafka({ dir: folder, port, controllerPort, log: () => undefined });
}

async function kill(): Promise<void> {
  const running = broker;
  broker = null;
  if (running === null) return;
  process.kill(running.process.pid, 'SIGKILL');
  await running.stop();
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'everloop-kafka-outage-'));
  [port = 0, controllerPort = 0] = await freePorts(2);
});
afterAll(async () => {
  await kill();
  await rm(folder, { recursive: true, force: true });
});

/** Values that came before, with the place and origin of both. */
function repeatedIn(records: readonly BusRecord[]): readonly string[] {
  const first = new Map<string, string>();
  return records.flatMap((r) => {
    const place = `${r.partition}/${r.offset} ${r.headers['src'] ?? ''}`;
    const before = first.get(text(r));
    if (before === undefined) first.set(text(r), place);
    return before === undefined ? [] : [`${text(r)} at ${place}, before at ${before}`];
  });
}

describe('a broker that is away', () => {
  it('at the start, and again later, costs time but nothing else', { timeout: 180_000 }, async () => {
    const { logger, lines } = capturingLogger();
    const address = `127.0.0.1:${port}`;
    const bus = testBus({ brokers: [address], logger, sessionTimeoutMs: 6_000 });
    const said = (start: string): number => lines.filter((l) => l.message.startsWith(start)).length;
    const starting = bus.start();
    await eventually(() => said(`Kafka at ${address} cannot be reached`) === 1);
    expect(lines.find((l) => l.level === 'warn')?.message).toMatch(/; retrying, start it or set KAFKA_BROKERS$/);
    expect(bus.health?.()).toMatchObject({ ok: false });
    await start();
    await starting;
    expect(bus.health?.()).toEqual({ ok: true });

    const [from, to] = [uniqueName('from'), uniqueName('to')];
    await bus.ensureTopics([
      { name: from, partitions: 2 },
      { name: to, partitions: 2 },
    ]);
    const seen = new Set<string>();
    const repeated: string[] = [];
    const follower = bus.follow({
      topics: [to],
      from: 'beginning',
      onRecord: (r) => {
        if (seen.has(text(r))) repeated.push(`${text(r)} at ${r.partition}/${r.offset}`);
        seen.add(text(r));
      },
    });
    const runner = copyTask(bus, uniqueName('g'), from, to);
    const publisher = bus.publisher({ name: 'steady' });
    await Promise.all([follower.start(), runner.start(), publisher.start()]);

    let published = 0;
    const writing: Promise<void>[] = [];
    const timer = setInterval(() => {
      writing.push(publisher.publish(numbered(from, 10, 2, published)));
      published += 10;
    }, 10);
    await eventually(() => seen.size > 500);
    for (let outage = 0; outage < 2; outage += 1) {
      await kill();
      await eventually(() => bus.health?.().ok === false);
      const before = published;
      await eventually(() => published > before + 3_000);
      await start();
      await eventually(() => bus.health?.().ok === true, 60_000);
      const size = seen.size;
      await eventually(() => seen.size > size, 60_000);
    }
    clearInterval(timer);
    await Promise.all(writing);
    await eventually(() => seen.size === published, 60_000);
    // Whether the publisher, the task or the follower was at fault shows in what is wrong first.
    expect(repeatedIn(await readTopic(bus, from))).toEqual([]);
    expect(repeatedIn(await readTopic(bus, to))).toEqual([]);
    expect(repeated).toEqual([]);
    expect((await readTopic(bus, to)).length).toBe(published);
    await eventually(() => runner.health?.().ok === true);
    expect(said('Kafka at')).toBe(6);
    await Promise.all([follower.stop(), runner.stop(), publisher.stop()]);
    await bus.stop();
  });

  it('in the middle of a read ends the read with an error, since nobody repeats it', async () => {
    if (broker === null) await start();
    const bus = testBus({ brokers: [`127.0.0.1:${port}`] });
    await bus.start();
    const topic = uniqueName('cut');
    await bus.ensureTopics([{ name: topic, partitions: 1 }]);
    const publisher = bus.publisher({ name: 'cut' });
    await publisher.start();
    // More than one answer of the broker.
    const value = Buffer.alloc(500_000);
    for (let i = 0; i < 20; i += 1) await publisher.publish([{ topic, partition: 0, key: null, value }]);
    await publisher.stop();
    let read = 0;
    const reading = bus.readAll([topic], async ({ records }) => {
      read += records.length;
      await kill();
    });
    await expect(reading).rejects.toMatchObject({
      ...{ code: 'EVL_KAFKA_UNAVAILABLE', kind: 'retryable' },
      message: expect.stringMatching(/^Kafka at 127\.0\.0\.1:\d+ went away while it was read: /),
    });
    expect(read).toBeGreaterThan(0);
    expect(read).toBeLessThan(20);
    await bus.stop();
  });
});
