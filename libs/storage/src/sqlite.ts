import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';

export type SqliteValue = null | number | bigint | string | Uint8Array;
export type SqliteRow = Readonly<Record<string, SqliteValue>>;

/** An embedded SQL database; calls are synchronous. Statements are prepared once per text. */
export interface Sqlite {
  /** Runs statements without parameters, for schemas. */
  exec(sql: string): void;
  run(sql: string, ...values: readonly SqliteValue[]): { readonly changes: number };
  all(sql: string, ...values: readonly SqliteValue[]): SqliteRow[];
  get(sql: string, ...values: readonly SqliteValue[]): SqliteRow | undefined;
  /** Runs `work` in one immediate transaction: all of it is stored, or on an exception nothing. Not nestable. */
  transaction<T>(work: () => T): T;
  close(): void;
}

/** Opens or creates the database file (or `:memory:`): WAL, synchronous FULL, foreign keys enforced, 5 s wait on locks. */
export function openSqlite(path: string): Sqlite {
  if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true });
  const database = new DatabaseSync(path);
  database.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA busy_timeout=5000;');
  const statements = new Map<string, StatementSync>();

  function prepare(sql: string): StatementSync {
    const known = statements.get(sql);
    if (known !== undefined) return known;
    const statement = database.prepare(sql);
    statements.set(sql, statement);
    return statement;
  }

  return {
    exec: (sql) => database.exec(sql),
    run: (sql, ...values) => ({ changes: Number(prepare(sql).run(...values).changes) }),
    all: (sql, ...values) => prepare(sql).all(...values),
    get: (sql, ...values) => prepare(sql).get(...values),
    transaction(work) {
      database.exec('BEGIN IMMEDIATE');
      try {
        const result = work();
        database.exec('COMMIT');
        return result;
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK');
        throw error;
      }
    },
    close: () => database.close(),
  };
}
