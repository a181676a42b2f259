import pg from 'pg';

import { errorText, ServiceError } from '@everloop/service';

/** A value as Postgres prints it, null for NULL: nothing is rounded or shifted by a time zone. */
export type PostgresText = string | null;

export interface PostgresResult {
  readonly columns: readonly { readonly name: string; readonly typeOid: number }[];
  readonly rows: readonly (readonly PostgresText[])[];
}

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database[?sslmode=require]`. */
  readonly url: string;
  /** Shown in the database's list of sessions. */
  readonly name: string;
  /** Longest time of one statement, milliseconds. Default 60,000. */
  readonly statementTimeoutMs?: number;
}

/** One session of a Postgres, opened at first use and again after it broke. Calls run one after the other. */
export interface Postgres {
  query(sql: string, values?: readonly PostgresText[]): Promise<PostgresResult>;
  /** Runs `work` in one read-only snapshot (REPEATABLE READ). */
  snapshot<T>(work: (query: Postgres['query']) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Text as it comes: types are the reader's matter. */
const asText = { getTypeParser: () => (value: string) => value };

/** Output that does not depend on the server's settings: ISO dates, UTC, shortest exact floats, hex bytes. */
const sessionSettings =
  "SET datestyle = 'ISO'; SET timezone = 'UTC'; SET intervalstyle = 'iso_8601'; SET extra_float_digits = 1; SET bytea_output = 'hex'";

/** A connection to a Postgres; nothing is sent until it is used. */
export function createPostgres(options: PostgresOptions): Postgres {
  let session: Promise<pg.Client> | null = null;
  let turn: Promise<unknown> = Promise.resolve();

  async function open(): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: options.url,
      application_name: options.name,
      connectionTimeoutMillis: 10_000,
      statement_timeout: options.statementTimeoutMs ?? 60_000,
    });
    client.on('error', () => {
      session = null;
    });
    await client.connect();
    await client.query(sessionSettings);
    return client;
  }

  /** The session is thrown away after any error that is not an answer of the server to the statement itself. */
  async function withSession<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const mine = (session ??= open());
    try {
      return await work(await mine);
    } catch (error) {
      if (session === mine) session = null;
      await mine.then((client) => client.end()).catch(() => undefined);
      throw asServiceError(error, options.url);
    }
  }

  function serially<T>(work: () => Promise<T>): Promise<T> {
    const result = turn.then(work);
    turn = result.catch(() => undefined);
    return result;
  }

  async function ask(client: pg.Client, sql: string, values: readonly PostgresText[]): Promise<PostgresResult> {
    const result = await client.query<(string | null)[]>({
      text: sql,
      values: [...values],
      rowMode: 'array',
      types: asText,
    });
    return { columns: result.fields.map(({ name, dataTypeID }) => ({ name, typeOid: dataTypeID })), rows: result.rows };
  }

  return {
    query: (sql, values = []) => serially(() => withSession((client) => ask(client, sql, values))),
    snapshot: (work) =>
      serially(() =>
        withSession(async (client) => {
          await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
          const result = await work((sql, values = []) => ask(client, sql, values));
          await client.query('COMMIT');
          return result;
        }),
      ),
    async close() {
      const open = session;
      session = null;
      await open?.then((client) => client.end()).catch(() => undefined);
    },
  };
}

/** SQL identifier, also `schema.table` when `name` is given in parts. */
export function postgresName(...parts: readonly string[]): string {
  return parts.map((part) => `"${part.replaceAll('"', '""')}"`).join('.');
}

/**
 * Classes of SQLSTATE (appendix A of the manual) after which the same statement can succeed: connection, insufficient resources,
 * operator intervention, system error, serialization.
 */
const passing = /^(08|40|53|57|58)/;

function asServiceError(error: unknown, url: string): unknown {
  if (error instanceof ServiceError) return error;
  const { host, pathname } = new URL(url);
  const state = (error as { readonly code?: unknown } | null)?.code;
  const where = `Postgres ${host}${pathname}`;
  if (typeof state === 'string' && /^[0-9A-Z]{5}$/.test(state) && !passing.test(state)) {
    return new ServiceError({
      code: 'EVL_STORAGE_POSTGRES_REFUSED',
      kind: 'terminal',
      message: `${where} refused (${state}): ${errorText(error)}`,
      cause: error,
    });
  }
  return new ServiceError({
    code: 'EVL_STORAGE_POSTGRES_UNREACHABLE',
    kind: 'retryable',
    message: `${where} did not answer (${errorText(error)}): check the connection's address; it is tried again`,
    cause: error,
  });
}
