import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SparkInput } from '@everloop/features';
import { openDuckDb, sqlText, type DuckDb } from '@everloop/storage';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { finishJob } from './finish-job.ts';
import type { Submission } from './submission.ts';

let dir = '';
let duck: DuckDb;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'everloop-finish-'));
  duck = await openDuckDb({ memoryLimitMib: 128, threads: 1 });
});
afterAll(() => {
  duck.close();
  rmSync(dir, { recursive: true });
});

const inputs: readonly SparkInput[] = [
  { kind: 'value', name: 'fare' },
  { kind: 'list', name: 'fares' },
  {
    ...{ kind: 'onDemand', name: 'twice', feature: 'twice', takes: ['__take_0', '__take_1'] },
    definition: { type: 'string', cel: 'r.zone + string(v.n * 2)', types: { 'r.zone': 'string', 'v.n': 'number' } },
  },
];
const parts = [
  `SELECT * FROM (VALUES (1::BIGINT, 5::BIGINT, 'd1', 2.5::DOUBLE, 1, [1.0::DOUBLE, 0.5], 1, 'z', 3::DOUBLE), (2, 6, 'd2', NULL, 2, NULL, 4, 'z', NULL))`,
  `SELECT * FROM (VALUES (3::BIGINT, 7::BIGINT, 'd1', 0.1::DOUBLE, 1, []::DOUBLE[], 1, '', 0.5::DOUBLE))`,
].map(
  (values) => `${values} t(__row, __as_of_ms, driver, fare, fare__status, fares, fares__status, __take_0, __take_1)`,
);
const expected = [
  ['1', '5', 'd1', '2.5', '1', '[1,0.5]', '1', 'z6', '1'],
  ['2', '6', 'd2', null, '2', null, '4', null, '2'],
  ['3', '7', 'd1', '0.1', '1', '[]', '1', '1', '1'],
];

/** A job whose Spark wrote two files. */
async function jobOf(
  name: string,
  submission: object = { keys: ['__as_of_ms', 'driver'], inputs } satisfies Submission,
) {
  const folder = join(dir, name);
  const partFiles: string[] = [];
  for (const [index, part] of parts.entries()) {
    partFiles.push(join(folder, 'spark', `part-0000${index}-uuid-c000.snappy.parquet`));
    await duck.copyToParquet(part, partFiles[index] ?? '');
  }
  writeFileSync(join(folder, 'submission.json'), JSON.stringify(submission));
  writeFileSync(join(folder, 'spark', '_SUCCESS'), '');
  return { folder, partFiles };
}

const answer = (folder: string): Promise<unknown> =>
  duck
    .all(`SELECT * FROM read_parquet(${sqlText(join(folder, 'output', '*.parquet'))}) ORDER BY __row`)
    .then((rows) => rows.map((row) => Object.values(row).map((value) => (value === null ? null : String(value)))));

describe('finishing a job', () => {
  it('gives the columns of the DuckDB path in their order, whole, and is done once', async () => {
    const { folder } = await jobOf('two');
    expect(await finishJob(folder, duck)).toEqual({ output: join(folder, 'output'), rows: 3 });
    expect(await answer(folder)).toEqual(expected);
    const [described] = await duck.all(
      `SELECT string_agg(column_name || ' ' || column_type, ', ') AS columns FROM (DESCRIBE SELECT * FROM read_parquet(${sqlText(join(folder, 'output', '*.parquet'))}))`,
    );
    expect(described?.['columns']).toBe(
      '__row BIGINT, __as_of_ms BIGINT, driver VARCHAR, fare DOUBLE, fare__status INTEGER, fares VARCHAR, fares__status INTEGER, twice VARCHAR, twice__status INTEGER',
    );
    expect(readdirSync(join(folder, 'output')).sort()).toEqual([
      '_SUCCESS',
      'part-00000-uuid-c000.zstd.parquet',
      'part-00001-uuid-c000.zstd.parquet',
    ]);
    expect(readdirSync(folder).sort()).toEqual(['output', 'spark', 'submission.json']);
    rmSync(join(folder, 'spark'), { recursive: true });
    expect(await finishJob(folder, duck)).toEqual({ output: join(folder, 'output'), rows: 3 });
  });

  it('shows nothing when it fails midway, and goes on behind the last file that is whole', async () => {
    const { folder, partFiles } = await jobOf('cut');
    writeFileSync(partFiles[1] ?? '', 'half a file');
    await expect(finishJob(folder, duck)).rejects.toThrow(/parquet/i);
    expect(existsSync(join(folder, 'output'))).toBe(false);
    expect(readdirSync(join(folder, '.finishing'))).toContain('part-00000-uuid-c000.zstd.parquet');
    // What a killed process leaves of a file.
    writeFileSync(join(folder, '.finishing', '.staging', 'part'), 'half a file');
    await duck.copyToParquet(parts[1] ?? '', partFiles[1] ?? '');
    writeFileSync(partFiles[0] ?? '', 'is not read again');
    expect(await finishJob(folder, duck)).toMatchObject({ rows: 3 });
    expect(await answer(folder)).toEqual(expected);
    expect(readdirSync(join(folder, 'output'))).toHaveLength(3);
  });

  it('done by two at a time is done once', async () => {
    const { folder } = await jobOf('both');
    const other = await openDuckDb({ memoryLimitMib: 128, threads: 1 });
    const ends = await Promise.allSettled([finishJob(folder, duck), finishJob(folder, other)]);
    other.close();
    expect(ends.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(0);
    expect(await answer(folder)).toEqual(expected);
  });

  it('waits for the answer of Spark to be whole', async () => {
    const { folder } = await jobOf('early');
    rmSync(join(folder, 'spark', '_SUCCESS'));
    const message = expect.stringMatching(
      /early.spark holds no whole answer .*everloop features finish .*early/,
    ) as string;
    await expect(finishJob(folder, duck)).rejects.toMatchObject({ code: 'EVL_CLI_SPARK_UNFINISHED', message });
    const whole = await jobOf('whole', { keys: [], inputs: inputs.slice(0, 1) });
    await expect(finishJob(whole.folder, duck)).rejects.toMatchObject({ code: 'EVL_CLI_SPARK_UNFINISHED' });
    mkdirSync(join(whole.folder, 'output'));
    await duck.copyToParquet(parts[1] ?? '', join(whole.folder, 'output', 'part.parquet'));
    writeFileSync(join(whole.folder, 'output', '_SUCCESS'), '');
    expect(await finishJob(whole.folder, duck)).toMatchObject({ rows: 1 });
  });

  it('refuses a folder that holds no job, or one of another version', async () => {
    await expect(finishJob(join(dir, 'none'), duck)).rejects.toMatchObject({ code: 'EVL_CLI_INPUT_INVALID' });
    const { folder } = await jobOf('old', { columns: ['fare'] });
    await expect(finishJob(folder, duck)).rejects.toThrow(/another version of everloop/);
  });

  it('writes any list as the online side does', async () => {
    const finite = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
    const lists = fc.record({
      numbers: fc.array(fc.array(fc.oneof(finite, fc.integer().map(Number)), { maxLength: 4 }), {
        minLength: 1,
        maxLength: 30,
      }),
      texts: fc.array(fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 4 }), { minLength: 1, maxLength: 30 }),
    });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(lists, async ({ numbers, texts }) => {
        for (const [type, values] of [['DOUBLE', numbers] as const, ['VARCHAR', texts] as const]) {
          const folder = join(dir, `lists-${run++}`);
          await duck.run(`CREATE OR REPLACE TABLE listed (__row BIGINT, place BIGINT, value ${type})`);
          await duck.insertRows(
            'listed',
            values.flatMap((list, row) => list.map((value, at) => [BigInt(row), BigInt(at), value])),
          );
          const query = `SELECT __row, coalesce(list(value ORDER BY place) FILTER (WHERE value IS NOT NULL), []) AS x, 1 AS x__status FROM (SELECT range AS __row FROM range(${values.length})) LEFT JOIN listed USING (__row) GROUP BY __row`;
          await duck.copyToParquet(query, join(folder, 'spark', 'part-0.parquet'));
          writeFileSync(join(folder, 'spark', '_SUCCESS'), '');
          writeFileSync(
            join(folder, 'submission.json'),
            JSON.stringify({ keys: [], inputs: [{ kind: 'list', name: 'x' }] }),
          );
          await finishJob(folder, duck);
          const rows = (await answer(folder)) as (readonly string[])[];
          expect(rows.map(([, text]) => text)).toEqual(values.map((list) => JSON.stringify(list)));
        }
      }),
      { numRuns: 20 },
    );
  });
});
