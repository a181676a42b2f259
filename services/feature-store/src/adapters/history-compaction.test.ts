import { existsSync, readdirSync, utimesSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { openDuckDb, type DuckDb } from '@everloop/storage';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { silentTelemetry } from '../../test/fixtures.ts';
import type { HistoryTable } from '../ports.ts';
import { HistoryCompaction, type CompactionOptions } from './history-compaction.ts';
import { HistoryTables } from './history-tables.ts';
import { partitionDir, readManifest } from './manifest.ts';

const topic = 'trips.valid';
const table: HistoryTable = {
  source: 'trips',
  topic,
  partitions: 1,
  fields: [
    { name: 'miles', type: 'number' },
    { name: 'trip', type: 'string' },
  ],
};
const limits = { smallRows: 10, targetRows: 640, fan: 4 };

let duck: DuckDb;
let dir = '';
beforeAll(async () => {
  duck = await openDuckDb({ memoryLimitMib: 128, threads: 1 });
});
afterAll(() => duck.close());
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'evl-compaction-'));
  return () => rm(dir, { recursive: true, force: true });
});

/** The tables as a process finds them that has just started. */
async function openTables(): Promise<HistoryTables> {
  await duck.run(`DROP TABLE IF EXISTS "newest.${topic}"`);
  const tables = new HistoryTables({ dataDir: dir, duck, bufferedRowsMax: 10, telemetry: silentTelemetry });
  await tables.declare([table]);
  await tables.nextOffset(topic, 0);
  return tables;
}

/** Offsets have gaps, as transactions leave them; event times do not follow them. */
function rowAt(i: number) {
  return {
    offset: i * 3,
    timeMs: 1_000 + ((i * 7) % 50) * 10 + i * 10,
    knownMs: 5_000 + i * 10,
    values: [i % 4 === 0 ? null : i / 8, i % 5 === 0 ? null : `t${i}`],
  };
}

async function fill(tables: HistoryTables, from: number, until: number): Promise<void> {
  for (let i = from; i < until; i += 1) await tables.append(topic, 0, [rowAt(i)], i * 3 + 1);
}

async function everything(tables: HistoryTables): Promise<unknown> {
  return tables.scan(topic, 0, { from: 0, until: 1e9, limit: 1e6 });
}

function compactionOf(tables: HistoryTables, more: Partial<CompactionOptions> = {}): HistoryCompaction {
  return new HistoryCompaction({
    dataDir: dir,
    duck,
    tables,
    limits,
    graceMs: 1_000,
    now: () => 0,
    telemetry: silentTelemetry,
    ...more,
  });
}

function files(): string[] {
  return readdirSync(partitionDir(dir, topic, 0)).filter((name) => name.endsWith('.parquet'));
}

async function listed(): Promise<string[]> {
  return (await readManifest(dir, topic, 0)).manifest.files.map(({ file }) => file);
}

describe('compaction', () => {
  it('leaves few files with the same rows in the same order; old files stay for a while', async () => {
    const tables = await openTables();
    await fill(tables, 0, 205);
    const before = await everything(tables);
    expect(await listed()).toHaveLength(20);
    expect(await compactionOf(tables).compact()).toBeGreaterThan(4);
    expect((await listed()).length).toBeLessThan(8);
    expect(await everything(tables)).toEqual(before);
    const { manifest } = await readManifest(dir, topic, 0);
    expect(manifest.files.reduce((sum, part) => sum + part.rows, 0)).toBe(200);
    expect(manifest.files.map(({ firstOffset }) => firstOffset)).toEqual(
      [...manifest.files.map((f) => f.firstOffset)].sort((a, b) => a - b),
    );
    await compactionOf(tables, { now: () => 999 }).sweep();
    expect(files().length).toBeGreaterThan(20);
    await compactionOf(tables, { now: () => 1_000 }).sweep();
    expect(files().sort()).toEqual((await listed()).sort());
    expect((await readManifest(dir, topic, 0)).manifest.retired).toEqual([]);
    await fill(tables, 205, 230);
    expect(await everything(tables)).toHaveLength(230);
  });

  it.each(['merged', 'listed', 'expired', 'removed'] as const)(
    'a crash when a file was %s loses nothing, and is made good',
    async (point) => {
      const tables = await openTables();
      await fill(tables, 0, 200);
      const before = await everything(tables);
      const crash = {
        step: (name: string) => {
          if (name === point) throw new Error('killed');
        },
      };
      const doomed = compactionOf(tables, { ...crash, now: () => 5_000 });
      const work = async (): Promise<void> => {
        await doomed.compact();
        await doomed.expire(topic, -Infinity, () => []);
        await compactionOf(tables, { ...crash, now: () => 7_000 }).sweep();
      };
      await expect(work()).rejects.toThrow('killed');
      const next = await openTables();
      expect(await everything(next)).toEqual(before);
      const compaction = compactionOf(next, { now: () => 9_000 });
      await compaction.compact();
      expect(await everything(next)).toEqual(before);
      await compactionOf(next, { now: () => 20_000 }).sweep();
      expect(await everything(next)).toEqual(before);
    },
  );

  it('what a crash left is removed after the grace, what is new is not', async () => {
    const tables = await openTables();
    await fill(tables, 0, 40);
    const folder = partitionDir(dir, topic, 0);
    for (const name of ['900-999.parquet', '800-899.parquet', 'notes.txt']) await writeFile(join(folder, name), '');
    for (const name of ['900-999.parquet', 'notes.txt']) utimesSync(join(folder, name), 1, 1);
    await compactionOf(tables, { now: () => 10_000, graceMs: 1_000 }).sweep();
    expect(existsSync(join(folder, '900-999.parquet'))).toBe(false);
    expect(existsSync(join(folder, '800-899.parquet'))).toBe(true);
    expect(existsSync(join(folder, 'notes.txt'))).toBe(true);
  });

  it('a partition that was given away meanwhile is not touched', async () => {
    const tables = await openTables();
    await fill(tables, 0, 40);
    const compaction = compactionOf(tables, {
      step: (name) => {
        if (name === 'merged') tables.release(topic, 0);
      },
    });
    expect(await compaction.compact()).toBe(0);
    expect(await listed()).toHaveLength(4);
  });
});

describe('retention', () => {
  it('lets whole old files go, keeps what a tagged dataset names, and says so', async () => {
    const tables = await openTables();
    await fill(tables, 0, 100);
    const told: string[] = [];
    const telemetry = {
      ...silentTelemetry,
      expiryHeld: (_t: string, _p: number, file: string, dataset: string) => void told.push(`${file} ${dataset}`),
    };
    const compaction = compactionOf(tables, { telemetry });
    const pin = { start: 40, end: 41, dataset: 'production' };
    expect(await compaction.expire(topic, 1_800, () => [pin])).toBe(2);
    expect(told).toEqual([expect.stringMatching(/^30-57-[0-9a-f]{8}\.parquet production$/)]);
    const rows = (await everything(tables)) as { offset: number }[];
    expect(rows[0]?.offset).toBe(30);
    expect(rows).toHaveLength(80);
    expect(await compaction.expire(topic, 1_800, () => [])).toBe(1);
    expect(await tables.nextOffset(topic, 0)).toBe(298);
  });
});
