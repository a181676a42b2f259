import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { openDuckDb, type DuckDb } from '@everloop/storage';
import { eventually } from '@everloop/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { compareAnswers } from '../src/data-faults/answers.ts';
import { judge } from '../src/data-faults/recompute.ts';
import { Replica } from '../src/data-faults/replica.ts';
import { loadRideFiles, writeRideFiles } from '../src/data-faults/ride-files.ts';
import { questions, spanMs, startMs } from '../src/data-faults/rides.ts';
import { createWorld, type World } from '../src/data-faults/world.ts';

const records = Number(process.env['EVL_CHAIN_RECORDS'] ?? 60_000);
const seed = 11;
const waitMs = 120_000;
const endMs = startMs + spanMs;

let world: World;
let duck: DuckDb;
const replicas: Replica[] = [];
const sum = (numbers: readonly number[]): number => numbers.reduce((all, number) => all + number, 0);

async function replica(
  service: 'validator' | 'feature-store' | 'ingest',
  env: Record<string, string>,
): Promise<Replica> {
  const made = await Replica.create({ service, name: service, folder: world.folder, env: { ...world.env, ...env } });
  replicas.push(made);
  made.start();
  return made;
}

beforeAll(async () => {
  const log = (line: string): void => void process.stderr.write(`${line}\n`);
  world = await createWorld({ log, bufferedRows: 2_000, batch: '{ kind: parquet, path: rides, every: 1s }' });
  duck = await openDuckDb({ memoryLimitMib: 1_024, threads: 2, tempDir: path.join(world.folder, 'spill') });
});
afterAll(async () => {
  await Promise.all(replicas.map((each) => each.kill()));
  duck.close();
  await world.close();
});

/** Kills a process once what it brings forth has grown to a share, and starts it again. */
async function killAt(victim: Replica, least: number, position: () => Promise<readonly number[]>): Promise<void> {
  await eventually(async () => sum(await position()) >= least, { timeoutMs: waitMs, what: `${least} records` });
  await victim.kill();
  victim.start();
}

it('a folder of Parquet files becomes features, each row once, though every process on the way is killed', async () => {
  const root = path.join(world.folder, 'landing');
  const folder = path.join(root, 'rides');
  mkdirSync(folder, { recursive: true });
  const rows = await writeRideFiles(duck, folder, { count: records, seed, files: 6 });
  const ingest = await replica('ingest', { EVL_INGEST_ROOT: root, EVL_DATA_DIR: path.join(world.folder, 'ingest') });
  const [validator, store] = [await replica('validator', {}), await replica('feature-store', {})];
  await Promise.all([
    killAt(ingest, rows * 0.3, () => world.published()),
    killAt(validator, rows * 0.4, () => world.validated()),
    killAt(store, rows * 0.5, () => world.applied()),
  ]);
  await Promise.all(replicas.map((each) => each.ready()));
  // Marks of transactions take offsets as well: what has come in is counted at the end.
  await eventually(async () => (await world.count('raw')) >= rows, {
    timeoutMs: waitMs,
    what: 'all rows on the topic',
  });
  await world.publishWatermark(endMs);
  await eventually(async () => (await world.count('valid')) + (await world.count('quarantine')) >= rows, {
    timeoutMs: waitMs,
    what: 'all rows judged',
  });
  await eventually(
    async () => {
      const [ends, applied] = await Promise.all([world.validated(), world.applied()]);
      return ends.every((end, partition) => end - (applied[partition] ?? 0) <= 4);
    },
    { timeoutMs: waitMs, what: 'everything applied' },
  );
  expect(await world.count('raw')).toBe(rows);

  await loadRideFiles(duck, folder);
  await judge(duck);
  const [counted] = await duck.all('SELECT count(*) AS good FROM rides');
  expect([await world.count('valid'), await world.count('quarantine')]).toEqual([
    Number(counted?.['good']),
    rows - Number(counted?.['good']),
  ]);
  for (const [rpc, range] of [
    ['getOnline', { fromMs: endMs - 3_000_000, untilMs: endMs + 3_600_000 }],
    ['getHistorical', { fromMs: startMs, untilMs: endMs + 3_600_000 }],
  ] as const) {
    const asked = questions(1_000, seed, range);
    const compared = await compareAnswers({ duck, address: store.address, rpc, asked });
    expect({ rows: compared.rows.length, wrong: compared.wrong.length, some: compared.wrong.slice(0, 2) }).toEqual({
      ...{ rows: asked.length, wrong: 0, some: [] },
    });
    expect(new Set(compared.rows.flatMap((row) => row.statuses)).size).toBeGreaterThanOrEqual(2);
  }
}, 600_000);
