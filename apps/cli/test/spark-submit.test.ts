import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDuckDb, type DuckDb } from '@everloop/storage';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addFinishCommand, addSubmitCommand } from '../src/features/submit/command.ts';
import { sparkCommand } from '../src/features/submit/run-spark.ts';
import { runCommandLine } from '../src/run-command-line.ts';
import { createSparkWorld, type SparkWorld } from './spark-world.ts';

let dir = '';
let duck: DuckDb;
let world: SparkWorld;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'everloop-submit-'));
  duck = await openDuckDb();
  world = await createSparkWorld(duck, dir);
});
afterAll(() => {
  duck.close();
  rmSync(dir, { recursive: true });
});

async function submit(job: string, ...args: string[]) {
  const printed: string[] = [];
  const errors: string[] = [];
  const program = new Command('everloop');
  addSubmitCommand(program, { env: { PATH: '/nowhere' }, print: (text) => void printed.push(text) });
  const options = ['--job', join(dir, job), '--data-dir', world.dataDir, '--resources', world.resourcesDir];
  const code = await runCommandLine(program, ['submit', ...args, ...options], (text) => void errors.push(text));
  return { code, text: printed.join('\n'), errors: errors.join('\n') };
}

const plainColumns = ['miles', 'trips_2h', 'sum_2h', 'std_5h', 'zones_5h', 'newest_fare', 'newest_zone'];

const read = (job: string, name: string): unknown => JSON.parse(readFileSync(join(dir, job, name), 'utf8'));

describe('everloop features submit --dry-run', () => {
  it('writes a job that holds everything: files that count, rows, definitions, offsets', async () => {
    const { code, text } = await submit('dry', 'fares', '--rows', world.rowsFile, '--dry-run');
    expect(code).toBe(0);
    expect(text).toMatch(/job for 500 rows written to .*: spark-submit .*run_sql\.py .*job\.json/);
    expect(text).toMatch(/computed on demand are left to do: everloop features finish .*dry$/);
    expect(read('dry', 'job.json')).toMatchObject({
      tables: { source_0: world.files, asked: [join(dir, 'dry', 'rows.parquet')] },
      queries: [{ output: join(dir, 'dry', 'spark') }],
    });
    const submission = read('dry', 'submission.json') as {
      definitions: { kind: string; name: string; digest: string }[];
    };
    expect(submission).toMatchObject({
      engine: 'spark',
      known: 'bitemporal',
      columns: [...plainColumns, 'per_trip', 'where', 'dear'],
      offsets: [0, 1].map((partition) => ({ topic: 'trips.valid', partition, end: 4_000 })),
    });
    expect(submission.definitions.map(({ kind, name }) => `${kind}/${name}`).sort()).toEqual([
      'FeatureService/fares@1',
      'FeatureView/driver_fares',
      'FeatureView/driver_newest',
      'Model/fares',
      'Source/trips',
    ]);
    expect(submission.definitions.every(({ digest }) => /^[0-9a-f]{64}$/.test(digest))).toBe(true);
    const [first] = await duck.all(`SELECT * FROM read_parquet('${join(dir, 'dry', 'rows.parquet')}') ORDER BY __row`);
    expect(Object.keys(first ?? {})).toEqual(['__row', '__as_of_ms', 'driver', 'miles', 'time', 'note']);
  });

  it('lets Spark write what needs no finishing where the user looks for it', async () => {
    const { text } = await submit('whole', 'plain', '--rows', world.rowsFile, '--dry-run');
    expect(read('whole', 'job.json')).toMatchObject({ queries: [{ output: join(dir, 'whole', 'output') }] });
    expect(text).toMatch(/its answer will be in .*output; everloop features finish .*whole tells/);
  });

  it('takes rows from CSV, with a time in epoch milliseconds', async () => {
    writeFileSync(join(dir, 'rows.csv'), 'driver,miles,when\nd1,2.5,86400000\nd2,,5\n');
    expect(await submit('csv', 'fares', '--rows', join(dir, 'rows.csv'), '--time', 'when', '--dry-run')).toMatchObject({
      code: 0,
    });
    expect(
      await duck.all(
        `SELECT __as_of_ms AS t, miles FROM read_parquet('${join(dir, 'csv', 'rows.parquet')}') ORDER BY __row`,
      ),
    ).toEqual([
      { t: 86_400_000n, miles: 2.5 },
      { t: 5n, miles: null },
    ]);
  });

  it.each<[string, () => string[], RegExp]>([
    ['no rows', () => ['fares'], /which rows\?/],
    ['neither a Model nor a view', () => [], /either a Model/],
    ['both', () => ['fares', '--view', 'driver_fares'], /either a Model/],
    ['an unknown Model', () => ['fare', '--rows', world.rowsFile], /did you mean "fares"/],
    [
      'an unknown view',
      () => ['--view', 'x', '--from', '1970-01-01', '--until', '1970-01-02'],
      /there are: driver_fares/,
    ],
    ['no range', () => ['--view', 'driver_fares', '--from', '1970-01-01'], /--until is missing/],
    ['a range of nothing', () => ['--view', 'driver_fares', '--from', '1970-01-01', '--until', 'soon'], /"soon"/],
    ['a missing file', () => ['fares', '--rows', join(dir, 'none.parquet')], /does not exist/],
    [
      'a missing column',
      () => ['fares', '--rows', world.rowsFile, '--time', 'when'],
      /has no column when; it has driver, miles, time, note/,
    ],
    ['a time that is none', () => ['fares', '--rows', world.rowsFile, '--time', 'note'], /column note is VARCHAR/],
    ['a folder that is not empty', () => ['fares', '--rows', world.rowsFile, '--job', dir], /is not empty/],
    [
      'a data folder without history',
      () => ['fares', '--rows', world.rowsFile, '--data-dir', join(dir, 'none')],
      /has no files of trips\.valid/,
    ],
  ])('refuses %s and says why', async (name, args, message) => {
    // The last of two options counts.
    const program = new Command('everloop');
    const errors: string[] = [];
    addSubmitCommand(program, { env: {}, print: () => undefined });
    const options = [
      '--job',
      join(dir, `bad ${name}`),
      '--data-dir',
      world.dataDir,
      '--resources',
      world.resourcesDir,
      '--dry-run',
    ];
    const code = await runCommandLine(program, ['submit', ...options, ...args()], (text) => void errors.push(text));
    expect(errors.join('\n')).toMatch(message);
    expect(code).not.toBe(0);
  });
});

describe('the command line of Spark', () => {
  const job = { program: '/j/run_sql.py', job: '/j/job.json' };

  it('is spark-submit with master and settings', () => {
    const options = { env: {}, sparkSubmit: '/s/spark-submit', master: 'local[2]', conf: ['a=1', 'b=2'] };
    expect(sparkCommand(job, options)).toMatchObject({
      command: '/s/spark-submit',
      args: ['--master', 'local[2]', '--conf', 'a=1', '--conf', 'b=2', '/j/run_sql.py', '/j/job.json'],
    });
  });

  it('is a Python with PySpark where one is named', () => {
    const { command, args, env } = sparkCommand(job, {
      env: {},
      python: '/p/python',
      master: 'local[2]',
      conf: ['a=1'],
    });
    expect([command, args]).toEqual(['/p/python', ['/j/run_sql.py', '/j/job.json']]);
    expect(env['PYSPARK_SUBMIT_ARGS']).toBe('--master local[2] --conf a=1 pyspark-shell');
  });

  it('without Spark says where the job lies and what to do', async () => {
    const outcome = await submit('no-spark', 'fares', '--rows', world.rowsFile);
    expect(outcome).toMatchObject({ code: 1 });
    expect(outcome.errors).toMatch(/EVL_CLI_SPARK_MISSING: no spark-submit .*--python.*spark-submit .*run_sql\.py/);
  });

  it('that fails is told with the end of its log', async () => {
    const outcome = await submit('failing', 'fares', '--rows', world.rowsFile, '--spark-submit', '/bin/ls');
    expect(outcome).toMatchObject({ code: 1, errors: expect.stringMatching(/EVL_CLI_SPARK_FAILED/) as string });
    expect(outcome.errors).toMatch(/its answer is not whole/);
    expect(outcome.errors).toMatch(/--no-wait/);
    const absent = await submit('absent', 'fares', '--rows', world.rowsFile, '--spark-submit', '/nowhere/spark-submit');
    expect(absent.errors).toMatch(/ENOENT/);
  });

  it('may leave the job to a cluster, and says how it is finished', async () => {
    const args = ['fares', '--rows', world.rowsFile, '--spark-submit', '/bin/ls', '--no-wait'];
    const outcome = await submit('left', ...args);
    expect(outcome).toMatchObject({ code: 0, errors: '' });
    expect(outcome.text).toMatch(/Spark has the job; when it has ended, .*: everloop features finish .*left$/);
    const lines: string[] = [];
    const program = new Command('everloop');
    addFinishCommand(program, { env: {}, print: () => undefined });
    const code = await runCommandLine(program, ['finish', join(dir, 'left')], (line) => void lines.push(line));
    expect([code, lines.join('\n')]).toEqual([
      1,
      expect.stringMatching(/EVL_CLI_SPARK_UNFINISHED: .*left.spark holds/),
    ]);
  });

  it('is followed by finishing, and the user is told where the rows are', async () => {
    const script = join(dir, 'fake-spark-submit');
    const rows = join(dir, 'prepared.parquet');
    await duck.copyToParquet(`SELECT 1::BIGINT AS __row, 2.5 AS newest_fare, 1 AS newest_fare__status`, rows);
    const lines = [
      'PATH=/usr/bin:/bin',
      `out=$(dirname "$2")/output`,
      `mkdir "$out"`,
      `cp ${rows} "$out"`,
      `touch "$out/_SUCCESS"`,
    ];
    writeFileSync(script, ['#!/bin/sh', ...lines].join('\n'), { mode: 0o755 });
    const outcome = await submit('fake', 'plain', '--rows', world.rowsFile, '--spark-submit', script);
    expect(outcome).toMatchObject({ code: 0, errors: '' });
    expect(outcome.text).toMatch(/\n1 rows in .*fake.output$/);
  });
});
