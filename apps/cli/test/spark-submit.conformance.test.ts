import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ofKind } from '@everloop/contracts';
import { backfillRowsSql, catalogOf, planFunctions, planLookup, pointInTimeSql } from '@everloop/features';
import { openDuckDb, sqlText, type DuckDb } from '@everloop/storage';
import { pythonRequirements, pythonVenv } from '@everloop/testing';
import { Command } from 'commander';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { addSubmitCommand } from '../src/features/submit/command.ts';
import { runCommandLine } from '../src/run-command-line.ts';
import { createSparkWorld, type SparkWorld } from './spark-world.ts';

/* The command, a real Spark, and DuckDB over the same files: the same values and statuses. */
let python = '';
let dir = '';
let duck: DuckDb;
let world: SparkWorld;
beforeAll(async () => {
  python = await pythonVenv('spark', pythonRequirements('spark'));
  dir = mkdtempSync(join(tmpdir(), 'everloop-spark-submit-'));
  duck = await openDuckDb();
  world = await createSparkWorld(duck, dir);
});
afterAll(() => {
  duck.close();
  rmSync(dir, { recursive: true });
});

async function submit(job: string, ...args: string[]): Promise<string> {
  const lines: string[] = [];
  const program = new Command('everloop');
  addSubmitCommand(program, { env: process.env, print: (text) => void lines.push(text) });
  const settings = [
    'spark.sql.shuffle.partitions=2',
    'spark.ui.enabled=false',
    'spark.driver.bindAddress=127.0.0.1',
    'spark.driver.host=127.0.0.1',
  ];
  const options = [
    ...['--job', join(dir, job), '--data-dir', world.dataDir, '--resources', world.resourcesDir],
    ...['--python', python, '--master', 'local[2]', ...settings.flatMap((pair) => ['--conf', pair])],
  ];
  const code = await runCommandLine(program, ['submit', ...args, ...options], (line) => void lines.push(line));
  expect(code, lines.slice(-20).join('\n')).toBe(0);
  return lines.at(-1) ?? '';
}

const plain = async (sql: string): Promise<unknown[]> =>
  (await duck.all(sql)).map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [name, typeof value === 'bigint' ? Number(value) : value]),
    ),
  );
const answer = (job: string): string => `read_parquet(${sqlText(join(dir, job, 'output', '*.parquet'))})`;
const tables = (): Map<string, string> =>
  new Map([['trips', `read_parquet([${world.files.map(sqlText).join(', ')}])`]]);

it('inputs of a Model for the rows of a file', async () => {
  expect(await submit('join', 'fares', '--rows', world.rowsFile)).toMatch(/^500 rows in .*output$/);
  const model = ofKind(world.resources, 'Model').find(({ name }) => name === 'fares');
  if (model === undefined) throw new Error('no Model');
  const plan = planLookup(model.spec, catalogOf(world.resources));
  duck.define(planFunctions(plan));
  const spine = `read_parquet(${sqlText(join(dir, 'join', 'rows.parquet'))})`;
  const ours = pointInTimeSql(plan, { spine, tables: tables(), known: 'bitemporal' });
  const columns = plan.names.map((name, index) => `"${name}", __status_${index} AS "${name}__status"`).join(', ');
  const theirs = await plain(`SELECT * FROM ${answer('join')} ORDER BY __row`);
  expect(theirs).toHaveLength(500);
  expect(theirs).toEqual(await plain(`SELECT __row, ${columns} FROM (${ours}) ORDER BY __row`));
  const distinct = (name: string): number => new Set(theirs.map((row) => (row as Record<string, unknown>)[name])).size;
  expect(distinct('newest_fare__status')).toBeGreaterThan(2);
  expect([distinct('per_trip') > 100, distinct('where') > 100, distinct('dear')]).toEqual([true, true, 3]);
  expect(existsSync(join(dir, 'join', '.finishing'))).toBe(false);
});

it('a backfill of a view, each driver at each half hour', async () => {
  const range = ['--from', '1970-01-01T02:00Z', '--until', '1970-01-01T10:00Z', '--latest'];
  expect(await submit('fill', '--view', 'driver_fares', ...range)).toMatch(/^640 rows/);
  const catalog = catalogOf(world.resources);
  const names = ['trips_2h', 'sum_2h', 'std_5h', 'zones_5h', 'last_fares', 'last_zones'];
  const plan = planLookup(
    {
      request: [{ name: 'driver', type: 'string' }],
      views: [{ view: 'driver_fares', key: 'request.driver' }],
      inputs: names.map((name) => ({ name, type: 'number', from: `driver_fares.${name}` })),
    },
    catalog,
  );
  const view = plan.bindings[0]?.view;
  if (view === undefined) throw new Error('no view');
  const hour = 3_600_000;
  const rows = backfillRowsSql('duckdb', view, tables().get('trips') ?? '', { fromMs: 2 * hour, untilMs: 10 * hour });
  duck.define(planFunctions(plan));
  await duck.run(`CREATE OR REPLACE TABLE filled AS SELECT * FROM ${rows}`);
  const ours = pointInTimeSql(plan, { spine: 'filled', tables: tables(), known: 'latest' });
  const columns = names.map((name, index) => `a.${name}, a.__status_${index} AS ${name}__status`).join(', ');
  expect(await plain(`SELECT * FROM ${answer('fill')} ORDER BY __row`)).toEqual(
    await plain(
      `SELECT a.__row, f.__as_of_ms, f.driver, ${columns} FROM (${ours}) a JOIN filled f ON f.__row = a.__row ORDER BY 1`,
    ),
  );
  const [odd] = await duck.all(
    `SELECT count(*) FILTER (last_fares LIKE '[%' AND last_fares LIKE '%.%') AS fares, count(*) FILTER (last_zones LIKE '["z\\"é\\u001f%') AS zones FROM ${answer('fill')}`,
  );
  expect(Number(odd?.['fares']) > 100 && Number(odd?.['zones']) > 100).toBe(true);
});
