import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ModelSpec } from '@everloop/contracts';
import { sqlName, sqlText, type DuckDb } from '@everloop/storage';
import { badInput } from '../../errors.ts';

/** Types of columns that say a moment as epoch milliseconds. */
const wholeNumbers = new Set(['BIGINT', 'INTEGER', 'UBIGINT', 'UINTEGER', 'DOUBLE', 'HUGEINT', 'SMALLINT']);

/**
 * Writes the rows that are asked for as a query of Spark reads them: `__row` (their number in the file), `__as_of_ms`, the request fields of the
 * Model, and whatever columns there are else. Resolves with their number. A file without a column that the Model needs is refused.
 */
export async function writeAskedRows(
  duck: DuckDb,
  asked: {
    readonly file: string;
    readonly time: string;
    readonly request: ModelSpec['request'];
    readonly output: string;
  },
): Promise<number> {
  const file = resolve(asked.file);
  if (!existsSync(file))
    throw badInput(`${asked.file} does not exist: name a Parquet or CSV file with the rows by --rows`);
  const relation = /\.csv$/i.test(file) ? `read_csv(${sqlText(file)})` : `read_parquet(${sqlText(file)})`;
  const described = await duck.all(`DESCRIBE SELECT * FROM ${relation}`);
  const types = new Map(described.map((row) => [String(row['column_name']), String(row['column_type'])]));
  const missing = [asked.time, ...asked.request.map(({ name }) => name)].filter((name) => !types.has(name));
  if (missing.length > 0)
    throw badInput(
      `${asked.file} has no column ${missing.join(', ')}; it has ${[...types.keys()].join(', ')}. The rows need the request fields of the Model, and the time as of which they are asked (--time)`,
    );
  const fields = asked.request.map(
    ({ name, type }) => `CAST(${sqlName(name)} AS ${type === 'number' ? 'DOUBLE' : 'VARCHAR'}) AS ${sqlName(name)}`,
  );
  const taken = new Set(['__row', '__as_of_ms', ...asked.request.map(({ name }) => name)]);
  const others = [...types.keys()].filter((name) => !taken.has(name)).map(sqlName);
  const asOf = momentSql(asked.time, types.get(asked.time) ?? '');
  const columns = [`CAST(row_number() OVER () - 1 AS BIGINT) AS __row`, `${asOf} AS __as_of_ms`, ...fields, ...others];
  await duck.copyToParquet(`SELECT ${columns.join(', ')} FROM ${relation}`, asked.output);
  const [counted] = await duck.all(
    `SELECT count(*) AS n, count(__as_of_ms) AS timed FROM read_parquet(${sqlText(asked.output)})`,
  );
  const [rows, timed] = [Number(counted?.['n']), Number(counted?.['timed'])];
  if (timed < rows)
    throw badInput(`${rows - timed} of ${rows} rows of ${asked.file} have no ${asked.time}; each row needs one`);
  return rows;
}

/** A column with a moment as epoch milliseconds. Throws EVL_CLI_INPUT_INVALID for one that holds none. */
export function momentSql(name: string, type: string): string {
  if (wholeNumbers.has(type)) return `CAST(${sqlName(name)} AS BIGINT)`;
  if (/^(TIMESTAMP|DATE)/.test(type)) return `epoch_ms(CAST(${sqlName(name)} AS TIMESTAMP))`;
  throw badInput(`column ${name} is ${type}; a time is epoch milliseconds or a timestamp`);
}
