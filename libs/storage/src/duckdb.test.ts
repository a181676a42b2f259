import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { openDuckDb, readParquetColumns, sqlName, sqlText } from './duckdb.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'evl-duckdb-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe('functions of this process in SQL', () => {
  it('are called for each row of many chunks, with nulls, numbers and text', async () => {
    const database = await openDuckDb({ memoryLimitMib: 128, threads: 2 });
    const label = {
      ...{ name: 'label', takes: ['number', 'string'] as const, gives: 'string' as const },
      run: ([n = null, s = null]: readonly (number | string | null)[]) => (n === null ? s : `${n}${s ?? '-'}`),
    };
    const two = { name: 'two', takes: [], gives: 'number' as const, run: () => 2 };
    const never = { name: 'never', takes: ['number'] as const, gives: 'number' as const, run: () => null };
    // Once more is no matter.
    for (const functions of [
      [label, two],
      [label, never],
    ])
      database.define(functions);
    const { columns, rows } = await database.columns(
      `SELECT label(CASE WHEN i % 3 = 0 THEN NULL ELSE i END, CASE WHEN i % 2 = 0 THEN 'é' END) AS l, two(i) AS t, never(i) AS n ` +
        `FROM (SELECT CAST(range AS DOUBLE) AS i FROM range(10_000)) ORDER BY i`,
    );
    expect(rows).toBe(10_000);
    expect(columns.get('l')?.values.slice(0, 5)).toEqual(['é', '1-', '2é', null, '4é']);
    expect(columns.get('l')?.values[9_998]).toBe('9998é');
    expect(columns.get('t')?.values[5_000]).toBe(2);
    expect(columns.get('n')?.values[7]).toBeNaN();
    database.close();
  });

  it('fail the query, not the process, when they throw', async () => {
    const database = await openDuckDb({ memoryLimitMib: 128, threads: 1 });
    const run = (): never => {
      throw new Error('no value today');
    };
    database.define([{ name: 'broken', takes: ['number'], gives: 'number', run }]);
    await expect(database.all('SELECT broken(1.0) AS x')).rejects.toThrow(/no value today/);
    expect(await database.all('SELECT 1 AS x')).toEqual([{ x: 1 }]);
    database.close();
  });
});

describe('DuckDB', () => {
  it('brings rows through a Parquet file: types, nulls, order, more than one chunk', async () => {
    const database = await openDuckDb({ memoryLimitMib: 128, threads: 1 });
    await database.run('CREATE TABLE t (k VARCHAR, n DOUBLE, i BIGINT, b BOOLEAN)');
    const rows = Array.from({ length: 5_000 }, (_, index) => [
      index % 7 === 0 ? null : `k${index}`,
      index % 5 === 0 ? null : index / 8,
      BigInt(1_357_000_000_000 + index),
      index % 2 === 0,
    ]);
    await database.insertRows('t', rows);
    const path = join(dir, 'parts', 'rows.parquet');
    await database.copyToParquet('SELECT * FROM t ORDER BY i', path);
    database.close();
    const table = await readParquetColumns(path, { threads: 1 });
    expect(table.rows).toBe(5_000);
    expect([...table.columns.keys()]).toEqual(['k', 'n', 'i', 'b']);
    expect(table.columns.get('k')?.values[8]).toBe('k8');
    expect(table.columns.get('k')?.values[7]).toBeNull();
    expect(table.columns.get('n')?.values[4_999]).toBe(4_999 / 8);
    expect(table.columns.get('n')?.values[5]).toBeNaN();
    expect(table.columns.get('i')?.values[3]).toBe(1_357_000_000_003);
    expect(table.columns.get('b')?.values[2]).toBe(1);
    expect(await readdir(join(dir, 'parts', '.staging'))).toEqual([]);
  });

  it('leaves the old file and no staged one when a copy fails', async () => {
    const database = await openDuckDb();
    const path = join(dir, 'rows.parquet');
    await writeFile(path, 'old');
    await expect(database.copyToParquet('SELECT no_such_column', path)).rejects.toThrow(/no_such_column/);
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(join(dir, '.staging'))).toEqual([]);
    database.close();
  });

  it('reads an empty result with its columns', async () => {
    const database = await openDuckDb();
    const table = await database.columns('SELECT 1::BIGINT AS a, $1 AS b WHERE false', ['x']);
    expect(table).toMatchObject({ rows: 0 });
    expect([...table.columns.keys()]).toEqual(['a', 'b']);
    database.close();
  });

  it('quotes text and names', async () => {
    const database = await openDuckDb();
    const odd = `it's "odd"`;
    const rows = await database.all(`SELECT ${sqlText(odd)} AS ${sqlName(odd)}`);
    expect(rows).toEqual([{ [odd]: odd }]);
    database.close();
  });
});
