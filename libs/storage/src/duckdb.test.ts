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
