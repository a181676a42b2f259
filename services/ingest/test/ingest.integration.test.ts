import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ingest, registry, resourceKey, topics, toWire, type BatchSpec } from '@everloop/contracts';
import type { Bus, BusRecord } from '@everloop/kafka';
import { schemaRegistries } from '@everloop/records';
import { openDuckDb, type DuckDb } from '@everloop/storage';
import { isolatedBus, testBus, uniqueName } from '@everloop/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createConnect } from '../src/adapters/connect.ts';
import { BatchSources } from '../src/app/batch-sources.ts';
import { quiet, tripSource } from './support.ts';

let inner: Bus;
let duck: DuckDb;
let root = '';
const children: ChildProcess[] = [];
beforeAll(async () => {
  inner = await testBus();
  duck = await openDuckDb({ memoryLimitMib: 128, threads: 1 });
  root = await mkdtemp(join(tmpdir(), 'everloop-ingest-'));
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await inner.stop();
  duck.close();
  await rm(root, { recursive: true, force: true });
});

async function eventually<T>(look: () => Promise<T | false>, ms = 60_000): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    const found = await look();
    if (found !== false) return found;
    if (performance.now() > deadline) throw new Error(`nothing came within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

interface World {
  readonly bus: Bus;
  readonly prefix: string;
  readonly folder: string;
  apply(batch?: Partial<BatchSpec>): Promise<void>;
  start(clock?: () => number): Promise<BatchSources>;
  put(name: string, text: string): Promise<void>;
  read(topic?: string): Promise<BusRecord[]>;
  events(): Promise<ingest.IngestEvent[]>;
}

async function createWorld(): Promise<World> {
  const prefix = uniqueName('ingest');
  const bus = isolatedBus(inner, prefix);
  const folder = join(root, prefix);
  await mkdir(folder);
  await bus.ensureTopics([
    { name: topics.resources, partitions: 1, compacted: true },
    { name: 'trips', partitions: 2 },
  ]);
  const read = async (topic = 'trips'): Promise<BusRecord[]> => {
    const records: BusRecord[] = [];
    await bus.readAll([topic], (batch) => void records.push(...batch.records));
    return records;
  };
  return {
    bus,
    prefix,
    folder,
    read,
    async apply(batch = {}) {
      const { spec } = tripSource({ kind: 'csv', path: prefix, ...batch });
      const resource = { kind: 'Source', name: 'trips', revision: 1, spec } as const;
      const publisher = bus.publisher({ name: 'registry' });
      const value = JSON.stringify(registry.Resource.toJSON(toWire(resource)));
      await publisher.publish([{ topic: topics.resources, partition: 0, key: resourceKey(resource), value }]);
      await publisher.stop();
    },
    async start(clock = Date.now) {
      const connect = createConnect({ root, dataDir: join(root, 'tmp'), duck, env: {}, telemetry: quiet });
      const sources = new BatchSources({ bus, connect, registryOf: schemaRegistries({}), telemetry: quiet, clock });
      await sources.start();
      return sources;
    },
    async put(name, text) {
      await writeFile(join(folder, `.${name}`), text);
      await rename(join(folder, `.${name}`), join(folder, name));
    },
    async events() {
      return (await read(topics.ingestEvent)).map((r) =>
        ingest.IngestEvent.fromJSON(JSON.parse(r.value?.toString() ?? '')),
      );
    },
  };
}

function csv(from: number, count: number): string {
  const lines = Array.from(
    { length: count },
    (_, i) => `t${from + i},2013-01-01 00:00:${String(i % 60).padStart(2, '0')},${i}`,
  );
  return ['trip,at,miles', ...lines, ''].join('\n');
}

const columns = { id: 'trip' };

it('files become records with key, partition, place and the time at which they became known; bad lines go on as poison', async () => {
  const world = await createWorld();
  await world.put('a.csv', 'trip,at,miles\nt1,2013-01-01 05:00:00,1.5\n"t2\nt3,2013-01-02,\n');
  await world.apply({ columns });
  const sources = await world.start(() => 1_400_000_000_000);
  await eventually(async () => (await world.read()).length === 3);
  const events = await eventually(async () => {
    const found = await world.events();
    return found.length === 2 && found;
  });
  await sources.stop();
  const records = (await world.read()).sort((a, b) =>
    (a.headers['evl-batch'] ?? '') < (b.headers['evl-batch'] ?? '') ? -1 : 1,
  );
  expect(
    records.map((r) => [r.key?.toString(), r.value?.toString(), r.headers['evl-batch'], r.headers['evl-known']]),
  ).toEqual([
    ['t1', '{"at":"2013-01-01T05:00:00Z","id":"t1","miles":1.5}', 'a.csv:2', '1400000000000'],
    ['a.csv:3', '"t2', 'a.csv:3', undefined],
    ['t3', '{"at":"2013-01-02T00:00:00Z","id":"t3","miles":null}', 'a.csv:4', '1400000000000'],
  ]);
  expect(events).toMatchObject([
    { kind: 'row_unreadable', part: 'a.csv', place: 'a.csv:3', detail: 'a quote is not closed' },
    { kind: 'part_finished', part: 'a.csv', rows: 2 },
  ]);
});

it('a changed file is said once and its new rows are not read; a file with a new name is', async () => {
  const world = await createWorld();
  await world.put('a.csv', csv(0, 10));
  await world.apply({ columns, known: 'event', markers: true });
  const sources = await world.start();
  await eventually(async () => (await world.events()).some(({ kind }) => kind === 'part_finished'));
  await world.put('a.csv', csv(0, 20));
  await eventually(async () => (await world.events()).some(({ kind }) => kind === 'part_changed'));
  await world.put('b.csv', csv(20, 5));
  await eventually(async () => (await world.read()).length === 15);
  await sources.stop();
  const again = await world.start();
  await world.put('c.csv', csv(30, 1));
  await eventually(async () => (await world.read()).length === 16);
  await again.stop();
  const events = await world.events();
  expect(events.map(({ kind, part }) => `${kind} ${part}`)).toEqual([
    'part_finished a.csv',
    'part_changed a.csv',
    'part_finished b.csv',
    ...(events.length === 4 ? ['part_finished c.csv'] : []),
  ]);
  const [first] = await world.read();
  expect(first?.headers['evl-known']).toBe(String(Date.parse(JSON.parse(first?.value?.toString() ?? '').at as string)));
});

it('a Source that is gone is not read any more, and goes on where it was when it is back', async () => {
  const world = await createWorld();
  await world.apply({ columns });
  const sources = await world.start();
  await world.put('a.csv', csv(0, 3));
  await eventually(async () => (await world.read()).length === 3);
  const publisher = world.bus.publisher({ name: 'registry' });
  await publisher.publish([{ topic: topics.resources, partition: 0, key: 'Source/trips', value: null }]);
  await publisher.stop();
  await eventually(() => Promise.resolve(sources.health().ok));
  await world.put('b.csv', csv(3, 3));
  await world.apply({ columns, everyMs: 30 });
  await eventually(async () => (await world.read()).length === 6);
  await sources.stop();
  expect((await world.read()).map((r) => r.key?.toString()).sort()).toEqual(['t0', 't1', 't2', 't3', 't4', 't5']);
});

it('kill -9 at any moment: each row once', { timeout: 180_000 }, async () => {
  const world = await createWorld();
  const total = 40_000;
  for (let file = 0; file < 4; file += 1) await world.put(`f${file}.csv`, csv(file * 10_000, 10_000));
  await world.apply({ columns });
  const count = async (): Promise<number> => (await world.read()).length;
  for (const share of [0.1, 0.3, 0.45, 0.7]) {
    const child = fork(new URL('./ingest-worker.ts', import.meta.url), [world.prefix, root], { stdio: 'inherit' });
    children.push(child);
    await eventually(async () => (await count()) >= total * share);
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  const sources = await world.start();
  await eventually(async () => (await count()) >= total);
  await sources.stop();
  const records = await world.read();
  expect(records).toHaveLength(total);
  expect(new Set(records.map((r) => r.headers['evl-batch'])).size).toBe(total);
  expect(new Set(records.map((r) => r.key?.toString())).size).toBe(total);
});
