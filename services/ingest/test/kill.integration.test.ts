import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { registry, resourceKey, topics, toWire, type BatchSpec } from '@everloop/contracts';
import type { Bus, BusRecord } from '@everloop/kafka';
import { freePorts, startLocalPostgres, startLocalS3, type LocalPostgres, type LocalS3 } from '@everloop/local';
import { createPostgres, createS3, openDuckDb, type DuckDb } from '@everloop/storage';
import { eventually, isolatedBus, testBus, uniqueName } from '@everloop/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { tripSource } from './support.ts';

/* Buckets and tables by the real service in processes of its own that are killed. A folder: ingest.integration.test.ts. */

const total = 30_000;
const parts = 3;
const silent = (): void => undefined;
let inner: Bus;
let duck: DuckDb;
let dir = '';
let postgres: LocalPostgres;
let s3: LocalS3;
const children = new Set<ChildProcess>();

beforeAll(async () => {
  inner = await testBus();
  duck = await openDuckDb({ memoryLimitMib: 128, threads: 1 });
  dir = await mkdtemp(join(tmpdir(), 'everloop-kill-'));
  const [postgresPort = 0, s3Port = 0] = await freePorts(2);
  [postgres, s3] = await Promise.all([
    startLocalPostgres({ port: postgresPort, log: silent }),
    startLocalS3({ dir: join(dir, 's3'), port: s3Port, log: silent }),
  ]);
}, 180_000);
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await Promise.all([postgres.stop(), s3.stop(), inner.stop()]);
  duck.close();
  await rm(dir, { recursive: true, force: true });
});

const tripsSql = (from: number, count: number): string =>
  `SELECT 't' || lpad(CAST(i AS VARCHAR), 6, '0') AS trip, TIMESTAMP '2013-01-01' + to_seconds(CAST(i AS DOUBLE)) AS "at", i / 8.0 AS miles
   FROM range(${from}, ${from + count}) r(i)`;

/** Where rows lie, and a way to add one row after the others. */
interface Place {
  readonly batch: Partial<BatchSpec> & Pick<BatchSpec, 'kind'>;
  addLast(): Promise<void>;
}

async function bucket(format: 'csv' | 'parquet'): Promise<Place> {
  const client = createS3({ ...s3, region: 'us-east-1' });
  const name = `kill-${format}`;
  await client.put(name);
  const put = async (part: number, from: number, count: number): Promise<void> => {
    const path = join(dir, `${name}-${part}`);
    if (format === 'parquet') await duck.copyToParquet(tripsSql(from, count), path);
    else {
      const rows = await duck.all(
        `SELECT trip, strftime("at", '%Y-%m-%dT%H:%M:%SZ') AS "at", miles FROM (${tripsSql(from, count)})`,
      );
      const lines = rows.map((row) => [row['trip'], row['at'], row['miles']].join(','));
      await writeFile(path, ['trip,at,miles', ...lines, ''].join('\n'));
    }
    await client.put(name, `in/part-${part}.${format}`, await readFile(path));
  };
  for (let part = 0; part < parts; part += 1) await put(part, (part * total) / parts, total / parts);
  return {
    batch: { kind: 's3', connection: 'lake', bucket: name, prefix: 'in/', format },
    addLast: () => put(parts, total, 1),
  };
}

async function table(): Promise<Place> {
  const db = createPostgres({ url: postgres.url, name: 'test' });
  const add = (from: number, until: number): Promise<unknown> =>
    db.query(
      `INSERT INTO trips SELECT i, 't' || lpad(i::text, 6, '0'), timestamptz '2013-01-01Z' + i * interval '1 second', i / 8.0 FROM generate_series(${from}, ${until - 1}) i`,
    );
  await db.query('CREATE TABLE trips (seq int PRIMARY KEY, trip text NOT NULL, at timestamptz NOT NULL, miles float8)');
  await add(0, total);
  return {
    batch: { kind: 'postgres', connection: 'shop', table: 'public.trips', cursor: ['seq'] },
    async addLast() {
      await add(total, total + 1);
    },
  };
}

/** What the worker knows of the places, as a deployment says it. */
function environment(): NodeJS.ProcessEnv {
  const lake = new URL(s3.endpoint);
  lake.username = encodeURIComponent(s3.accessKeyId);
  lake.password = encodeURIComponent(s3.secretAccessKey);
  return { ...process.env, EVL_INGEST_CONNECTION_LAKE: lake.toString(), EVL_INGEST_CONNECTION_SHOP: postgres.url };
}

async function startWorker(prefix: string): Promise<ChildProcess> {
  const child = fork(new URL('./ingest-worker.ts', import.meta.url), [prefix, dir], {
    stdio: 'inherit',
    env: environment(),
  });
  children.add(child);
  await once(child, 'spawn');
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
  children.delete(child);
}

/** Shares of the rows after which a worker is killed, one after the other: just started, and at random. */
function moments(): number[] {
  return [0, ...Array.from({ length: 4 }, () => 0.02 + 0.8 * Math.random()).sort((a, b) => a - b)];
}

const places = {
  'CSV in a bucket': () => bucket('csv'),
  'Parquet in a bucket': () => bucket('parquet'),
  'a Postgres table': table,
} as const;

it.concurrent.each(Object.entries(places))(
  '%s: killed again and again, each row lands once and in order',
  async (_name, fill) => {
    const prefix = uniqueName('kill');
    const bus = isolatedBus(inner, prefix);
    await bus.ensureTopics([
      { name: topics.resources, partitions: 1, compacted: true },
      { name: 'trips', partitions: 2 },
    ]);
    const place = await fill();
    const { spec } = tripSource({ columns: { id: 'trip' }, ...place.batch });
    const resource = { kind: 'Source', name: 'trips', revision: 1, spec } as const;
    const publisher = bus.publisher({ name: 'registry' });
    const value = JSON.stringify(registry.Resource.toJSON(toWire(resource)));
    await publisher.publish([{ topic: topics.resources, partition: 0, key: resourceKey(resource), value }]);
    await publisher.stop();
    const read = async (): Promise<BusRecord[]> => {
      const records: BusRecord[] = [];
      await bus.readAll(['trips'], (batch) => void records.push(...batch.records));
      return records;
    };
    // Offsets count marks of transactions too: near enough to choose a moment.
    const reached = async (): Promise<number> =>
      (await bus.offsets('trips')).reduce((sum, { high }) => sum + Number(high), 0);
    const inTheMiddle: number[] = [];
    for (const share of moments()) {
      const child = await startWorker(prefix);
      await eventually(async () => (await reached()) >= share * total, { what: `${share} of it`, timeoutMs: 90_000 });
      await kill(child);
      const landed = (await read()).length;
      if (landed > 0 && landed < total) inTheMiddle.push(landed);
    }
    expect(inTheMiddle.length).toBeGreaterThan(0);
    const last = await startWorker(prefix);
    await place.addLast();
    const lastKey = `t${String(total).padStart(6, '0')}`;
    await eventually(async () => (await read()).some((record) => record.key?.toString() === lastKey), {
      what: 'the row that was added last',
      timeoutMs: 90_000,
    });
    await kill(last);
    const records = await read();
    expect(records).toHaveLength(total + 1);
    expect(new Set(records.map((r) => r.headers['evl-batch'])).size).toBe(total + 1);
    expect(new Set(records.map((r) => r.key?.toString())).size).toBe(total + 1);
    for (const partition of [0, 1]) {
      const keys = records.filter((r) => r.partition === partition).map((r) => r.key?.toString() ?? '');
      expect(keys).toEqual([...keys].sort());
    }
  },
  300_000,
);
