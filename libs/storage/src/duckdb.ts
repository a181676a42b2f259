import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

import {
  DOUBLE,
  DuckDBDataChunk,
  DuckDBInstance,
  DuckDBScalarFunction,
  DuckDBTypeId,
  VARCHAR,
  type DuckDBConnection,
  type DuckDBMaterializedResult,
  type DuckDBValue,
} from '@duckdb/node-api';

import { writeWhole } from './files.ts';

export type DuckValue = null | number | bigint | boolean | string;
export type DuckRow = Readonly<Record<string, DuckValue>>;

/** One column: numbers (integers, floats, decimals, booleans; NaN where null) or text (null where null). */
export type Column =
  | { readonly type: 'number'; readonly values: Float64Array }
  | { readonly type: 'string'; readonly values: readonly (string | null)[] };

/** A result by columns, in the order of the query. */
export interface ColumnTable {
  readonly columns: ReadonlyMap<string, Column>;
  readonly rows: number;
}

export interface DuckDbOptions {
  /** Most memory that the database may use, MiB. Default 512. */
  readonly memoryLimitMib?: number;
  /** Default 2. */
  readonly threads?: number;
  /** Folder to spill to when memory is short; without it a query that needs more fails. */
  readonly tempDir?: string;
}

/** A function that SQL may call, for each row; null arguments come through. It must not throw. */
export interface SqlFunction {
  readonly name: string;
  readonly takes: readonly ('number' | 'string')[];
  readonly gives: 'number' | 'string';
  readonly run: (values: readonly (number | string | null)[]) => number | string | null;
}

/** An in-memory DuckDB over Parquet files. Calls on one connection are carried out one after the other. */
export interface DuckDb {
  /** Runs a statement; `values` fill `$1`, `$2`, … */
  run(sql: string, values?: readonly DuckValue[]): Promise<void>;
  all(sql: string, values?: readonly DuckValue[]): Promise<DuckRow[]>;
  columns(sql: string, values?: readonly DuckValue[]): Promise<ColumnTable>;
  /**
   * Rows of a query in its order, in chunks of about 2,048, on a connection of their own: memory is a chunk, however long the result.
   * Ends the query when the reader stops early.
   */
  stream(sql: string): AsyncGenerator<readonly (readonly DuckValue[])[]>;
  /** Makes functions of this process known to SQL, each once per name. One that takes nothing is called with one number. */
  define(functions: readonly SqlFunction[]): void;
  /** Appends rows to a table; each row has a value per column, of the column's own type (bigint for BIGINT). */
  insertRows(table: string, rows: readonly (readonly DuckValue[])[]): Promise<void>;
  /** Writes a query's result as one Parquet file, zstd, in the query's order; it appears whole (staged, fsync, rename). */
  copyToParquet(query: string, path: string): Promise<void>;
  close(): void;
}

/** SQL text literal. */
export function sqlText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** SQL identifier in double quotes. */
export function sqlName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

const chunkRows = 2048;

async function appendRows(
  connection: DuckDBConnection,
  table: string,
  rows: readonly (readonly DuckValue[])[],
): Promise<void> {
  const appender = await connection.createAppender(table);
  try {
    const types = Array.from({ length: appender.columnCount }, (_, index) => appender.columnType(index));
    for (let from = 0; from < rows.length; from += chunkRows) {
      const part = rows.slice(from, from + chunkRows);
      const chunk = DuckDBDataChunk.create(types, part.length);
      for (let column = 0; column < types.length; column++) {
        chunk.setColumnValues(
          column,
          part.map((row) => row[column] ?? null),
        );
      }
      appender.appendDataChunk(chunk);
    }
    appender.flushSync();
  } finally {
    appender.closeSync();
  }
}

function sqlType(type: 'number' | 'string'): typeof DOUBLE | typeof VARCHAR {
  return type === 'number' ? DOUBLE : VARCHAR;
}

function scalarFunction({ name, takes, gives, run }: SqlFunction): DuckDBScalarFunction {
  return DuckDBScalarFunction.create({
    name,
    parameterTypes: takes.length === 0 ? [DOUBLE] : takes.map(sqlType),
    returnType: sqlType(gives),
    specialHandling: true,
    mainFunction: (info, input, output) => {
      try {
        const columns = takes.map((_, index) => input.getColumnValues(index) as (number | string | null)[]);
        for (let row = 0; row < input.rowCount; row++)
          output.setItem(row, run(columns.map((column) => column[row] ?? null)));
        output.flush();
      } catch (error) {
        info.setError(error instanceof Error ? error.message : String(error));
      }
    },
  });
}

const textTypes: ReadonlySet<DuckDBTypeId> = new Set([DuckDBTypeId.VARCHAR, DuckDBTypeId.ENUM, DuckDBTypeId.UUID]);

function toNumber(value: DuckDBValue): number {
  if (typeof value === 'number') return value;
  if (value === null) return Number.NaN;
  if (typeof value === 'bigint' || typeof value === 'boolean') return Number(value);
  return Number(String(value));
}

async function readColumns(result: DuckDBMaterializedResult): Promise<ColumnTable> {
  const names = result.deduplicatedColumnNames();
  const chunks = await result.fetchAllChunks();
  const rows = chunks.reduce((sum, chunk) => sum + chunk.rowCount, 0);
  const columns = new Map<string, Column>();
  names.forEach((name, index) => {
    if (textTypes.has(result.columnTypeId(index))) {
      const values: (string | null)[] = [];
      for (const chunk of chunks) {
        for (const value of chunk.getColumnValues(index)) values.push(value === null ? null : String(value));
      }
      columns.set(name, { type: 'string', values });
      return;
    }
    const values = new Float64Array(rows);
    let row = 0;
    for (const chunk of chunks) for (const value of chunk.getColumnValues(index)) values[row++] = toNumber(value);
    columns.set(name, { type: 'number', values });
  });
  return { columns, rows };
}

/** Opens an in-memory database that reads and writes local files and loads no extensions from outside. */
export async function openDuckDb(options: DuckDbOptions = {}): Promise<DuckDb> {
  if (options.tempDir !== undefined) await mkdir(options.tempDir, { recursive: true });
  const instance = await DuckDBInstance.create(':memory:', {
    memory_limit: `${options.memoryLimitMib ?? 512}MiB`,
    threads: String(options.threads ?? 2),
    temp_directory: options.tempDir === undefined ? '' : resolve(options.tempDir),
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
  const connection = await instance.connect();
  const defined = new Set<string>();
  const execute = (sql: string, values: readonly DuckValue[] = []): Promise<DuckDBMaterializedResult> =>
    connection.run(sql, values.length === 0 ? undefined : [...values]);
  return {
    async run(sql, values) {
      await execute(sql, values);
    },
    async all(sql, values) {
      return (await (await execute(sql, values)).getRowObjectsJS()) as DuckRow[];
    },
    async columns(sql, values) {
      return readColumns(await execute(sql, values));
    },
    async *stream(sql) {
      const own = await instance.connect();
      try {
        const result = await own.stream(sql);
        for (;;) {
          const chunk = await result.fetchChunk();
          if (chunk === null || chunk.rowCount === 0) return;
          yield chunk.getRows() as DuckValue[][];
        }
      } finally {
        own.closeSync();
      }
    },
    define(functions) {
      for (const each of functions) {
        if (defined.has(each.name)) continue;
        connection.registerScalarFunction(scalarFunction(each));
        defined.add(each.name);
      }
    },
    insertRows: (table, rows) => appendRows(connection, table, rows),
    async copyToParquet(query, path) {
      const target = resolve(path);
      await mkdir(dirname(target), { recursive: true });
      await writeWhole(target, async (staged) => {
        await execute(`COPY (${query}) TO ${sqlText(staged)} (FORMAT parquet, COMPRESSION zstd)`);
      });
    },
    close() {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

/** Writes a table of columns as one Parquet file, in its order; resolves with its size in bytes. Replaces a file that is there. */
export async function writeParquetColumns(path: string, { columns, rows }: ColumnTable): Promise<number> {
  const database = await openDuckDb({ threads: 1 });
  try {
    const types = [...columns].map(
      ([name, { type }]) => `${sqlName(name)} ${type === 'number' ? 'DOUBLE' : 'VARCHAR'}`,
    );
    await database.run(`CREATE TABLE written (${types.join(', ')})`);
    const cells = [...columns.values()];
    const rowOf = (row: number): DuckValue[] =>
      cells.map(({ values }) => {
        const value = values[row] ?? null;
        return typeof value === 'number' && Number.isNaN(value) ? null : value;
      });
    await database.insertRows(
      'written',
      Array.from({ length: rows }, (_, row) => rowOf(row)),
    );
    await database.run(`COPY written TO ${sqlText(resolve(path))} (FORMAT parquet, COMPRESSION zstd)`);
    return (await stat(path)).size;
  } finally {
    database.close();
  }
}

/** Reads a Parquet file by columns: numbers as float64 (NaN where null), text as strings (null where null). */
export async function readParquetColumns(path: string, options: DuckDbOptions = {}): Promise<ColumnTable> {
  const database = await openDuckDb(options);
  try {
    return await database.columns(`SELECT * FROM read_parquet(${sqlText(resolve(path))})`);
  } finally {
    database.close();
  }
}
