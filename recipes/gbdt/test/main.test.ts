import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { drift } from '@everloop/contracts';
import { openDuckDb } from '@everloop/storage';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { splitFor, synthetic } from './synthetic.ts';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const rows = 6_000;
const { dataset } = synthetic(rows, 3);
let dir = '';

interface Metrics {
  readonly parameters: object;
  readonly rows: Readonly<Record<'train' | 'timeHoldout' | 'fixedHoldout' | 'unused', number>>;
}

interface Run {
  readonly code: number;
  readonly lines: readonly Record<string, unknown>[];
}

async function runRecipe(name: string, change: Record<string, unknown> = {}): Promise<Run & { outDir: string }> {
  const outDir = join(dir, name);
  await mkdir(outDir);
  const job = {
    contractVersion: 1,
    model: 'synthetic',
    datasetPath: join(dir, 'data.parquet'),
    inputs: dataset.columns.map((column) => ({ name: column.name, type: column.type })),
    split: splitFor(rows),
    parameters: { rounds: 30, leaves: 7, minLeafRows: 20 },
    seed: 1,
    outDir,
    ...change,
  };
  const path = join(dir, `${name}.json`);
  await writeFile(path, JSON.stringify(job));
  return new Promise((resolve) => {
    execFile(process.execPath, [main, path], (error, stdout) => {
      const lines = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, lines, outDir });
    });
  });
}

async function digests(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder)).sort();
  const entries = names.map(async (name) => {
    const bytes = await readFile(join(folder, name));
    return [name, createHash('sha256').update(bytes).digest('hex')] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'everloop-recipe-'));
  const database = await openDuckDb();
  const columns = dataset.columns.map(
    (column) => `"${column.name}" ${column.type === 'number' ? 'DOUBLE' : 'VARCHAR'}`,
  );
  await database.run(`CREATE TABLE d (${columns.join(', ')}, __join_key VARCHAR, __time_ms BIGINT, __label DOUBLE)`);
  const values = dataset.joinKeys.map((joinKey, row) => [
    ...dataset.columns.map((column) => {
      const value = column.values[row] ?? null;
      return value === '' || Number.isNaN(value) ? null : value;
    }),
    joinKey,
    BigInt(dataset.timesMs[row] ?? 0),
    dataset.labels[row] ?? 0,
  ]);
  await database.insertRows('d', values);
  await database.copyToParquet('SELECT * FROM d', join(dir, 'data.parquet'));
  database.close();
}, 60_000);

afterAll(() => rm(dir, { recursive: true, force: true }));

describe('the recipe as a program', { timeout: 180_000 }, () => {
  it('writes model, baseline, metrics and sample, the same bytes every time', async () => {
    const first = await runRecipe('first');
    const second = await runRecipe('second');
    expect([first.code, second.code]).toEqual([0, 0]);
    expect(Object.keys(await digests(first.outDir))).toEqual([
      'baseline.json',
      'history.pb',
      'metrics.json',
      'model.onnx',
      'sample.json',
    ]);
    expect(await digests(first.outDir)).toEqual(await digests(second.outDir));
    expect(first.lines.map((line) => line['event'])).toEqual(['rows', 'loss', 'loss', 'loss', 'done']);
  });

  it('describes the train split in the baseline', async () => {
    const { outDir } = await runRecipe('described');
    const baseline = drift.Baseline.fromJSON(JSON.parse(await readFile(join(outDir, 'baseline.json'), 'utf8')));
    const metrics = JSON.parse(await readFile(join(outDir, 'metrics.json'), 'utf8')) as Metrics;
    const names = dataset.columns.map((column) => column.name);
    expect(baseline.fields.map((field) => field.field)).toEqual([
      ...names,
      'gate.verdict',
      ...names.map((name) => `attribution.${name}`),
      'score',
    ]);
    expect(baseline.rows).toBe(metrics.rows.train);
    for (const field of baseline.fields.slice(0, names.length))
      expect(
        field.counts.reduce((sum, count) => sum + count, field.missing),
        field.field,
      ).toBe(metrics.rows.train);
    const importances = new Map(baseline.fields.map(({ field, importance }) => [field, importance]));
    expect([...importances.values()].reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
    expect([importances.get('constant'), importances.get('score'), importances.get('gate.verdict')]).toEqual([0, 0, 0]);
    for (const name of ['a', 'b', 'c', 'carrier']) expect(importances.get(name), name).toBeGreaterThan(0.05);
    expect(metrics.parameters).toMatchObject({ rounds: 30, leaves: 7, lambda: 1 });
    expect(metrics.rows.train + metrics.rows.timeHoldout + metrics.rows.fixedHoldout + metrics.rows.unused).toBe(rows);
    const sample = JSON.parse(await readFile(join(outDir, 'sample.json'), 'utf8'));
    expect(sample.rows.length).toBeGreaterThan(100);
    expect(sample.rows.length).toBeLessThanOrEqual(200);
  });

  it('says how alike rows of a unit are where the job names one', async () => {
    const [without, of] = await Promise.all(
      [['no-unit', {}] as const, ['unit', { unit: { field: 'fleet', column: 'carrier' } }] as const].map(
        async ([name, change]) => {
          const { outDir } = await runRecipe(name, change);
          return drift.Baseline.fromJSON(JSON.parse(await readFile(join(outDir, 'baseline.json'), 'utf8')));
        },
      ),
    );
    expect([without?.unit, without?.unitRows, of?.unit]).toEqual(['', 0, 'fleet']);
    expect(without?.fields.every(({ intraclass }) => intraclass === 0)).toBe(true);
    const intraclassOf = new Map(of?.fields.map(({ field, intraclass }) => [field, intraclass]));
    // The unit itself is all alike, an input that has nothing to do with it not at all.
    expect(intraclassOf.get('carrier')).toBe(1);
    expect(intraclassOf.get('a')).toBeLessThan(0.01);
    const sizes = of?.fields.find(({ field }) => field === 'carrier')?.counts ?? [];
    const rowsOf = sizes.reduce((sum, size) => sum + size, 0);
    expect(of?.unitRows).toBeCloseTo(sizes.reduce((sum, size) => sum + size * size, 0) / rowsOf, 9);
  });

  it.each([
    [
      'a unit without a column',
      { unit: { field: 'x', column: 'x' } },
      'EVL_RECIPE_DATASET_INVALID',
      /unit.column x is no column/,
    ],
    [
      'an unknown parameter',
      { parameters: { deepness: 3 } },
      'EVL_RECIPE_PARAMETER_INVALID',
      /deepness is not a parameter/,
    ],
    ['a wrong version', { contractVersion: 2 }, 'EVL_RECIPE_JOB_INVALID', /contractVersion must be 1/],
    [
      'a missing column',
      { inputs: [{ name: 'z', type: 'number' }] },
      'EVL_RECIPE_DATASET_INVALID',
      /column z .* is missing/,
    ],
    [
      'an empty train split',
      { split: { ...splitFor(rows), train: { fromMs: 0, untilMs: 0 } } },
      'EVL_RECIPE_DATASET_TOO_SMALL',
      /0 rows to fit/,
    ],
  ])('refuses %s with a reason', async (name, change, code, message) => {
    const run = await runRecipe(name.replaceAll(' ', '-'), change);
    expect(run.code).toBe(2);
    expect(run.lines.at(-1)).toMatchObject({ event: 'failed', code, message: expect.stringMatching(message) });
  });
});
