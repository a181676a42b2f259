import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { offlineColumns } from '@everloop/features';
import { openDuckDb, type DuckDb } from '@everloop/storage';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { silentTelemetry } from '../../test/fixtures.ts';
import type { HistoryTable } from '../ports.ts';
import { HistoryCompaction } from './history-compaction.ts';
import { HistoryTables } from './history-tables.ts';
import { readManifest } from './manifest.ts';

/*
 * Processes that share the folder of the history and stop for a while at the worst moments: between a Parquet file and the version of the
 * manifest that lists it, in the middle of a merge, before files are removed. Whatever the others do meanwhile, each record is there once.
 */
const topic = 'trips.valid';
const table: HistoryTable = { source: 'trips', topic, partitions: 1, fields: [{ name: 'miles', type: 'number' }] };
const graceMs = 1_000;

type Hook = () => Promise<void>;

/** One process: its own DuckDB and memory. `pauseAt` runs while it stands still at the next point of that name. */
interface Worker {
  readonly tables: HistoryTables;
  readonly duck: DuckDb;
  readonly compaction: HistoryCompaction;
  pauseAt: { readonly point: string; readonly meanwhile: Hook } | null;
}

let dir = '';
let nowMs = 0;
const ducks: DuckDb[] = [];
beforeAll(async () => {
  for (let i = 0; i < 3; i += 1) ducks.push(await openDuckDb({ memoryLimitMib: 128, threads: 1 }));
});
afterAll(() => ducks.forEach((duck) => duck.close()));
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'evl-fencing-'));
  return () => rm(dir, { recursive: true, force: true });
});

async function begin(number: number): Promise<Worker> {
  const duck = ducks[number];
  if (duck === undefined) throw new Error(`no DuckDB ${number}`);
  await duck.run(`DROP TABLE IF EXISTS "newest.${topic}"`);
  const pass = async (point: string): Promise<void> => {
    if (worker.pauseAt?.point !== point) return;
    const { meanwhile } = worker.pauseAt;
    worker.pauseAt = null;
    await meanwhile();
  };
  const paused: DuckDb = {
    ...{ run: (sql) => duck.run(sql), all: (sql) => duck.all(sql), columns: (sql) => duck.columns(sql) },
    ...{ insertRows: (name, rows) => duck.insertRows(name, rows), close: () => undefined },
    copyToParquet: async (sql, path) => {
      await duck.copyToParquet(sql, path);
      await pass('written');
    },
  } as DuckDb;
  const tables = new HistoryTables({ dataDir: dir, duck: paused, bufferedRowsMax: 10, telemetry: silentTelemetry });
  const limits = { smallRows: 10, targetRows: 640, fan: 4 };
  const options = { dataDir: dir, duck: paused, tables, limits, graceMs, now: () => nowMs, telemetry: silentTelemetry };
  const worker: Worker = { tables, duck, compaction: new HistoryCompaction(options), pauseAt: null };
  await tables.declare([table]);
  return worker;
}

const rowAt = (offset: number) => ({ offset, timeMs: offset * 10, knownMs: offset * 10, values: [offset / 4] });

/** Reads on in the log as the sink does: from where the history says, again from there when the partition was taken. */
async function readOn({ tables }: Worker, count: number, end: number): Promise<void> {
  let next = await tables.nextOffset(topic, 0);
  for (const until = Math.min(end, next + count); next < until; next += 1) {
    try {
      await tables.append(topic, 0, [rowAt(next)], next + 1);
    } catch (error) {
      expect(error).toMatchObject({ code: 'EVL_FEATURES_HISTORY_TAKEN', kind: 'retryable' });
      return;
    }
  }
}

/** What somebody sees who only reads: no gap, nothing twice, as far as the newest manifest goes. */
async function checkStored(from: number): Promise<void> {
  const { manifest } = await readManifest(dir, topic, 0);
  const reader = await begin(2);
  const { offset } = offlineColumns;
  const rows = await reader.tables.exclusive(async () =>
    reader.duck.all(`SELECT ${offset} AS o FROM ${await reader.tables.relation(table)} ORDER BY 1`),
  );
  const stored = rows.map(({ o }) => Number(o));
  expect(stored).toEqual(Array.from({ length: Math.max(0, manifest.nextOffset - from) }, (_, i) => from + i));
}

const points = fc.constantFrom('written', 'none');
const act = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('read' as const), count: fc.integer({ min: 1, max: 35 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('compact' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('sweep' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('flush' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const) }) },
);
type Act = typeof act extends fc.Arbitrary<infer T> ? T : never;
const script = fc.array(
  fc.record({ worker: fc.integer({ min: 0, max: 1 }), act, point: points, meanwhile: fc.array(act, { maxLength: 4 }) }),
  { minLength: 4, maxLength: 10 },
);

const end = 200;

async function perform(workers: Worker[], number: number, { kind, ...more }: Act): Promise<void> {
  const worker = workers[number];
  if (worker === undefined) return;
  switch (kind) {
    case 'read':
      return readOn(worker, 'count' in more ? more.count : 0, end);
    case 'compact':
      await worker.compaction.compact();
      return;
    case 'sweep':
      return worker.compaction.sweep();
    case 'flush':
      return worker.tables.flush();
    case 'crash':
      workers[number] = await begin(number);
      return;
    case 'wait':
      // Files get their time from the disk, the grace from `nowMs`: a wait makes everything that is there old.
      nowMs = Date.now() + 10 * graceMs;
  }
}

describe('two processes that take the history from each other, stopped at any moment', () => {
  it('lose nothing and store nothing twice', async () => {
    await fc.assert(
      fc.asyncProperty(script, async (steps) => {
        nowMs = Date.now();
        await rm(join(dir, 'offline'), { recursive: true, force: true });
        const workers = [await begin(0), await begin(1)];
        for (const { worker: number, act: one, point, meanwhile } of steps) {
          const worker = workers[number];
          if (worker !== undefined && point !== 'none') {
            const others = async (): Promise<void> => {
              for (const each of meanwhile) await perform(workers, 1 - number, each);
            };
            worker.pauseAt = { point, meanwhile: others };
          }
          await perform(workers, number, one);
          if (worker !== undefined) worker.pauseAt = null;
          await checkStored(0);
        }
        const last = await begin(0);
        await readOn(last, end, end);
        await last.tables.flush();
        await checkStored(0);
        expect((await readManifest(dir, topic, 0)).manifest.nextOffset).toBe(end);
      }),
      { numRuns: 40 },
    );
  }, 120_000);

  it('a merge that slept while others merged, let files go and removed them changes nothing', async () => {
    nowMs = Date.now();
    const [sleeper, heir] = [await begin(0), await begin(1)];
    await readOn(sleeper, 80, end);
    sleeper.pauseAt = {
      point: 'written',
      meanwhile: async () => {
        await readOn(heir, 60, end);
        await heir.compaction.compact();
        expect(await heir.compaction.expire(topic, 300, () => [])).toBe(0);
        nowMs = Date.now() + 10 * graceMs;
        await heir.compaction.sweep();
      },
    };
    expect(await sleeper.compaction.compact()).toBe(0);
    await checkStored(0);
    await sleeper.compaction.sweep();
    await checkStored(0);
    await expect(sleeper.tables.append(topic, 0, [rowAt(140)], 141)).rejects.toThrow(/taken it over/);
    await readOn(heir, end, end);
    await heir.tables.flush();
    await checkStored(0);
  });

  it('one that slept for long removes nothing by the list that it knew', async () => {
    nowMs = Date.now();
    const [sleeper, heir] = [await begin(0), await begin(1)];
    await readOn(sleeper, 40, end);
    await readOn(heir, 40, end);
    nowMs = Date.now() + 10 * graceMs;
    await sleeper.compaction.sweep();
    await checkStored(0);
    expect(sleeper.tables.held()).toEqual([]);
  });
});
