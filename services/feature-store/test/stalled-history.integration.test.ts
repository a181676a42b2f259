import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { openDuckDb } from '@everloop/storage';
import { eventually } from '@everloop/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { HistoryTables } from '../src/adapters/history-tables.ts';
import { readManifest } from '../src/adapters/manifest.ts';
import { silentTelemetry } from './fixtures.ts';
import { historyRow, historyTable, historyTopic, historyTotal } from './history-rows.ts';

/** What a worker has told so far. */
interface Worker {
  readonly child: ChildProcess;
  readonly told: { began?: number; reached?: number; taken?: number; done?: number };
}

/** Rows that a worker may have reached and not stored. */
const bufferedRows = 10;
let dir = '';
const children = new Set<ChildProcess>();
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'evl-stalled-'));
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await rm(dir, { recursive: true, force: true });
});

function startWorker(): Worker {
  const child = fork(new URL('./history-worker.ts', import.meta.url), [dir], { stdio: 'inherit' });
  children.add(child);
  const told: Worker['told'] = {};
  child.on('message', (message) => void Object.assign(told, message));
  child.on('exit', () => void children.delete(child));
  return { child, told };
}

async function reaches({ child, told }: Worker, offset: number): Promise<void> {
  await eventually(() => child.exitCode !== null || (told.reached ?? -1) >= offset || told.done !== undefined, {
    what: `a worker at ${offset}`,
    timeoutMs: 60_000,
  });
  expect(child.exitCode ?? 0).toBe(0);
}

/** The newest manifest lists ranges that follow each other, without one twice. */
async function expectOrdered(): Promise<number> {
  const { manifest } = await readManifest(dir, historyTopic, 0);
  let last = -1;
  for (const { firstOffset, lastOffset, rows } of manifest.files) {
    expect(firstOffset).toBe(last + 1);
    expect(rows).toBe(lastOffset - firstOffset + 1);
    last = lastOffset;
  }
  expect(manifest.nextOffset).toBe(last + 1);
  return manifest.nextOffset;
}

it('processes that are suspended wherever they are, and wake up when their heir has merged and removed files: nothing lost, nothing twice', async () => {
  let holder = startWorker();
  for (let round = 1; round <= 6; round += 1) {
    const began = round * 250 + Math.floor(Math.random() * 120);
    await reaches(holder, began);
    holder.child.kill('SIGSTOP');
    const sleeper = holder;
    holder = startWorker();
    // The heir merges, and the files that the sleeper knew are removed.
    await reaches(holder, began + 120);
    const stored = (holder.told.reached ?? 0) - bufferedRows;
    sleeper.child.kill('SIGCONT');
    await eventually(() => sleeper.child.exitCode !== null, { what: 'the end of the sleeper', timeoutMs: 60_000 });
    expect(sleeper.child.exitCode).toBe(0);
    expect(sleeper.told).toMatchObject({ taken: expect.any(Number) as number });
    // What the heir stored stays, and the heir is not disturbed.
    expect(await expectOrdered()).toBeGreaterThanOrEqual(stored);
    expect(holder.told.taken).toBeUndefined();
  }
  if (holder.child.exitCode === null) await once(holder.child, 'exit');
  expect(holder.told.done).toBe(historyTotal);
  expect(await expectOrdered()).toBe(historyTotal);
  const duck = await openDuckDb({ memoryLimitMib: 128, threads: 1 });
  const tables = new HistoryTables({ dataDir: dir, duck, bufferedRowsMax: 10, telemetry: silentTelemetry });
  await tables.declare([historyTable]);
  const rows = await tables.scan(historyTopic, 0, { from: 0, until: 1e9, limit: 1e6 });
  expect(rows).toEqual(Array.from({ length: historyTotal }, (_, offset) => historyRow(offset)));
  duck.close();
}, 240_000);
