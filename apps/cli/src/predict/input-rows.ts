import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { servingApi } from '@everloop/contracts';
import { sqlName, sqlText, type DuckDb, type DuckValue } from '@everloop/storage';
import { badInput } from '../errors.ts';
import { momentSql } from '../features/submit/asked-rows.ts';
import type { RequestField } from './gateway-client.ts';

/** Columns of the input that say something beside the model's fields. */
export interface InputColumns {
  readonly id?: string;
  readonly unit?: string;
  readonly time?: string;
}

/** How the rows of a file become requests. */
export interface InputPlan {
  /** Rows in the order of the file: id, unit, time, then the fields. */
  readonly query: string;
  /** Request fields that the file has. */
  readonly fields: readonly string[];
  /** Request fields that it does not have. */
  readonly missing: readonly string[];
}

/** Reads the columns of a Parquet or CSV file. Throws EVL_CLI_INPUT_INVALID where a named one, or every field, is missing. */
export async function planInput(
  duck: DuckDb,
  path: string,
  known: readonly RequestField[],
  columns: InputColumns,
): Promise<InputPlan> {
  if (!existsSync(path)) throw badInput(`${path} does not exist: name a Parquet or CSV file with the rows by --in`);
  const file = sqlText(resolve(path));
  const relation = /\.csv$/i.test(path) ? `read_csv(${file})` : `read_parquet(${file})`;
  const described = await duck.all(`DESCRIBE SELECT * FROM ${relation}`);
  const types = new Map(described.map((row) => [String(row['column_name']), String(row['column_type'])]));
  const has = `${path} has ${[...types.keys()].join(', ')}`;
  for (const name of [columns.id, columns.unit, columns.time]) {
    if (name !== undefined && !types.has(name)) throw badInput(`there is no column ${name}; ${has}`);
  }
  const fields = known.filter(({ name }) => types.has(name));
  if (fields.length === 0) {
    throw badInput(`no column is a request field of the model (${known.map(({ name }) => name).join(', ')}); ${has}`);
  }
  const text = (name: string | undefined): string =>
    name === undefined ? 'NULL' : `CAST(${sqlName(name)} AS VARCHAR)`;
  const time =
    columns.time === undefined ? 'NULL' : `CAST(${momentSql(columns.time, types.get(columns.time) ?? '')} AS DOUBLE)`;
  const values = fields.map(({ name, isText }) => (isText ? text(name) : `CAST(${sqlName(name)} AS DOUBLE)`));
  return {
    query: `SELECT ${[text(columns.id), text(columns.unit), time, ...values].join(', ')} FROM ${relation}`,
    fields: fields.map(({ name }) => name),
    missing: known.filter(({ name }) => !types.has(name)).map(({ name }) => name),
  };
}

/** A row of the plan's query as a request; without an id of its own it has one of the job and its place. */
export function requestOf(
  row: readonly DuckValue[],
  { fields }: Pick<InputPlan, 'fields'>,
  fallbackId: string,
): servingApi.PredictRow {
  const [id = null, unit = null, time = null, ...values] = row;
  const features = Object.fromEntries(
    fields.flatMap((name, at) => {
      const value = values[at] ?? null;
      return value === null ? [] : [[name, value] as const];
    }),
  );
  return {
    id: id === null ? fallbackId : String(id),
    unit: unit === null ? '' : String(unit),
    features,
    eventTimeMs: time === null ? undefined : Number(time),
    route: '',
    explain: false,
  };
}
