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

/* Buckets and tables are read by processes that are killed again and again: each row is on the topic once. */
const rows = 24_000;
let bus: Bus;
let duck: DuckDb;
let dir = '';
let postgres: LocalPostgres;
let s3: LocalS3;
const children: ChildProcess[] = [];

beforeAll(async () => {
  bus = await testBus();
  duck = await openDuckDb({ memoryLimitMib: 128, threads: 1 });
  dir = await mkdtemp(join(tmpdir(), 'everloop-ingest-kills-'));
  const [postgresPort = 0, s3Port = 0] = await freePorts(2);
  [postgres, s3] = await Promise.all([
    startLocalPostgres({ port: postgresPort, log: () => undefined }),
    startLocalS3({ dir: join(dir, 's3'), port: s3Port, log: () => undefined }),
  ]);
}, 300_000);
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await Promise.all([postgres.stop(), s3.stop(), bus.stop()]);
  duck.close();
  await rm(dir, { recursive: true, force: true });
});

const idOf = (row: number): string => `t${String(row).padStart(6, '0')}`;
const timeOf = (row: number): string => new Date(1_357_000_000_000 + row * 1_000).toISOString();

/** Rows in objects of different sizes, and one without any. */
async function fillBucket(bucket: string, format: 'csv' | 'parquet'): Promise<Partial<BatchSpec>> {
  const client = createS3({ ...s3, region: 'us-east-1' });
  await client.put(bucket);
  const ends = [0, 1, 9_000, 9_000, 17_500, rows];
  for (const [index, end] of ends.entries()) {
    const from = ends[index - 1] ?? 0;
    const lines = Array.from({ length: end - from }, (_, i) => `${idOf(from + i)},${timeOf(from + i)},${from + i}`);
    const file = join(dir, `${bucket}-${index}`);
    await writeFile(file, ['id,at,miles', ...lines, ''].join('\n'));
    if (format === 'parquet') {
      const sql = `SELECT id, CAST("at" AS TIMESTAMP) AS at, CAST(miles AS DOUBLE) AS miles FROM read_csv('${file}', all_varchar = true, header = true)`;
      await duck.copyToParquet(sql, `${file}.parquet`);
    }
    const body = await readFile(format === 'csv' ? file : `${file}.parquet`);
    await client.put(bucket, `in/part-${index}.${format}`, body);
  }
  return { kind: 's3', connection: 'lake', bucket, prefix: 'in/', format };
}

/** A table that already has half of its rows; the rest is committed while it is read. */
async function fillTable(): Promise<Partial<BatchSpec>> {
  const db = createPostgres({ url: postgres.url, name: 'test' });
  await db.query('CREATE TABLE trips (n bigint PRIMARY KEY, id text NOT NULL, at timestamptz NOT NULL, miles float8)');
  const insert = `INSERT INTO trips SELECT n, 't' || lpad(n::text, 6, '0'), to_timestamp(1357000000 + n), n FROM generate_series($1::int, $2::int) n`;
  await db.query(insert, ['0', String(rows / 2 - 1)]);
  writing = (async () => {
    for (let from = rows / 2; from < rows; from += 500) await db.query(insert, [String(from), String(from + 499)]);
    await db.close();
  })();
  return { kind: 'postgres', connection: 'shop', table: 'public.trips', cursor: ['n'] };
}
let writing: Promise<void> = Promise.resolve();

/** Shares of the rows after which a process is killed, one after the other: just started, and at random. */
function moments(): number[] {
  return [0, ...Array.from({ length: 4 }, () => 0.02 + 0.8 * Math.random()).sort((a, b) => a - b)];
}

it.concurrent.each([
  ['CSV objects in a bucket', () => fillBucket('raw-csv', 'csv')],
  ['Parquet objects in a bucket', () => fillBucket('raw-parquet', 'parquet')],
  ['a Postgres table that grows', fillTable],
])(
  '%s: kill -9 again and again, each row once and in order',
  async (_name, fill) => {
    const prefix = uniqueName('ingest-kills');
    const own = isolatedBus(bus, prefix);
    await own.ensureTopics([
      { name: topics.resources, partitions: 1, compacted: true },
      { name: 'trips', partitions: 2 },
    ]);
    const batch = await fill();
    const { spec } = tripSource({ kind: 'csv', ...batch });
    const resource = { kind: 'Source', name: 'trips', revision: 1, spec } as const;
    const value = JSON.stringify(registry.Resource.toJSON(toWire(resource)));
    const publisher = own.publisher({ name: 'registry' });
    await publisher.publish([{ topic: topics.resources, partition: 0, key: resourceKey(resource), value }]);
    await publisher.stop();
    const read = async (): Promise<readonly BusRecord[]> => {
      const records: BusRecord[] = [];
      await own.readAll(['trips'], (each) => void records.push(...each.records));
      return records;
    };
    const begin = (): ChildProcess => {
      const { accessKeyId, secretAccessKey, endpoint } = s3;
      const lake = new URL(endpoint);
      [lake.username, lake.password] = [encodeURIComponent(accessKeyId), encodeURIComponent(secretAccessKey)];
      const child = fork(new URL('./ingest-worker.ts', import.meta.url), [prefix, dir], {
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
        env: { ...process.env, EVL_INGEST_CONNECTION_LAKE: lake.href, EVL_INGEST_CONNECTION_SHOP: postgres.url },
      });
      children.push(child);
      return child;
    };
    for (const share of moments()) {
      const child = begin();
      await once(child, 'spawn');
      await eventually(async () => (await read()).length >= rows * share, {
        timeoutMs: 60_000,
        what: `${share} of it`,
      });
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    const last = begin();
    await writing;
    await eventually(async () => (await read()).length >= rows, { timeoutMs: 60_000, what: 'every row' });
    last.kill('SIGKILL');
    await once(last, 'exit');
    const records = await read();
    const ids = records.map(({ key }) => String(key));
    expect(ids).toHaveLength(rows);
    expect(new Set(ids).size).toBe(rows);
    for (const partition of [0, 1]) {
      const inOrder = records.filter((record) => record.partition === partition).map(({ key }) => String(key));
      expect(inOrder).toEqual([...inOrder].sort());
    }
    expect(new Set(records.map(({ headers }) => headers['evl-batch'])).size).toBe(rows);
    for (const { key, value: text } of records) {
      const { id, at, miles } = JSON.parse(String(text)) as { id: string; at: string; miles: number };
      expect([id, new Date(at).toISOString()]).toEqual([String(key), timeOf(miles)]);
      expect(id).toBe(idOf(miles));
    }
  },
  240_000,
);
