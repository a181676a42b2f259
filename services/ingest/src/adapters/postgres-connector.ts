import { postgresName, type Postgres, type PostgresResult } from '@everloop/storage';
import type { Cell } from '../domain/field-value.ts';
import { errors } from '../errors.ts';
import type { Chunk, Connector, Item, Part } from '../ports.ts';

/** Rows of one statement. */
const pageRows = 1_000;
/** How long one look waits for open transactions, milliseconds, and how often it asks. Afterwards the next look goes on. */
const waitMs = 5_000;
const askMs = 50;
/** Names of the cursor columns as text in a page. */
const cursorAlias = (i: number): string => `__evl_cursor_${i}`;

export interface PostgresConnectorOptions {
  readonly postgres: Postgres;
  readonly table?: string;
  readonly query?: string;
  readonly cursor: readonly string[];
  /** Rows wait for so many transactions that were open when they were seen. */
  readonly heldBack: (transactions: number) => void;
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
}

interface Plan {
  readonly from: string;
  /** SQL types of the cursor columns. */
  readonly types: readonly string[];
}

/**
 * A table or query, read page by page in the order of its cursor columns (keyset pagination). A page is only given once every
 * transaction that was open when its end was seen has ended, and is then read again: so a row whose cursor value was drawn earlier
 * but committed later is not passed by.
 */
export function createPostgresConnector(options: PostgresConnectorOptions): Connector {
  const { postgres, cursor: columns } = options;
  const name = options.table ?? 'query';
  let planned: Promise<Plan> | null = null;

  async function* pages(part: Part, cursor: string, signal: AbortSignal): AsyncGenerator<Chunk> {
    planned ??= makePlan(options).catch((error: unknown) => {
      planned = null;
      throw error;
    });
    const plan = await planned;
    let after = cursor === '' ? null : (JSON.parse(cursor) as string[]);
    for (;;) {
      const seen = await page(plan, after, null);
      checkOrder(name, seen.rows, columns.length);
      const bound = cursorOf(seen.rows.at(-1), columns.length);
      if (bound === null) return;
      if (!(await settled(signal))) return;
      const rows = await page(plan, after, bound);
      checkOrder(name, rows.rows, columns.length);
      const chunk = chunkOf(part.name, rows, columns.length);
      if (chunk === null) return;
      after = JSON.parse(chunk.cursor) as string[];
      yield chunk;
    }
  }

  async function page(
    plan: Plan,
    after: readonly string[] | null,
    bound: readonly string[] | null,
  ): Promise<PostgresResult> {
    const keys = columns.map((column) => `q.${postgresName(column)}`).join(', ');
    const values: string[] = [];
    const tuple = (given: readonly string[]): string =>
      given
        .map((value, i) => {
          values.push(value);
          return `$${values.length}::text::${plan.types[i] ?? 'text'}`;
        })
        .join(', ');
    const conditions = [
      ...(after === null ? [] : [`(${keys}) > (${tuple(after)})`]),
      ...(bound === null ? [] : [`(${keys}) <= (${tuple(bound)})`]),
    ];
    const texts = columns.map((column, i) => `q.${postgresName(column)}::text AS ${cursorAlias(i)}`).join(', ');
    const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
    // Within a bound there is no limit of its own: rows that came in between belong to this page.
    const limit = bound === null ? ` LIMIT ${pageRows}` : '';
    return postgres.query(`SELECT ${texts}, q.* FROM ${plan.from} AS q${where} ORDER BY ${keys}${limit}`, values);
  }

  /** Waits until all transactions of this database that are open now have ended; false if that takes too long. */
  async function settled(signal: AbortSignal): Promise<boolean> {
    let open = await openTransactions(postgres, null);
    for (let waitedMs = 0; open.length > 0; waitedMs += askMs) {
      if (waitedMs >= waitMs) {
        options.heldBack(open.length);
        return false;
      }
      await options.pause(askMs, signal);
      open = await openTransactions(postgres, open);
    }
    return true;
  }

  return {
    list: () => Promise.resolve([{ name, hint: '', grows: true }]),
    version: () => Promise.resolve(''),
    read: (part, _version, cursor, signal) => pages(part, cursor, signal),
    close: () => postgres.close(),
  };
}

/** Those of `among` (null: all) that are open: virtual transaction ids, which are never used again while the server runs. */
async function openTransactions(postgres: Postgres, among: readonly string[] | null): Promise<readonly string[]> {
  const { rows } = await postgres.query(
    `SELECT DISTINCT l.virtualxid FROM pg_locks l JOIN pg_stat_activity a USING (pid)
     WHERE l.locktype = 'virtualxid' AND l.pid <> pg_backend_pid() AND a.datname = current_database()
       AND coalesce(a.backend_type, 'client backend') = 'client backend'`,
  );
  const open = rows.flatMap(([id]) => (id === null || id === undefined ? [] : [id]));
  return among === null ? open : open.filter((id) => among.includes(id));
}

async function makePlan(options: PostgresConnectorOptions): Promise<Plan> {
  const { postgres, cursor, table } = options;
  const from = table === undefined ? `(${options.query ?? ''})` : postgresName(...table.split('.'));
  const keys = cursor.map((column) => `pg_typeof(q.${postgresName(column)})::text`).join(', ');
  // A left join gives the types also where there is no row.
  const { rows } = await postgres.query(`SELECT ${keys} FROM (SELECT 1) AS one LEFT JOIN ${from} AS q ON true LIMIT 1`);
  if (table !== undefined) await checkTable(postgres, table, from, cursor);
  return { from, types: (rows[0] ?? []).map((type) => type ?? 'text') };
}

/** A cursor that can be null or repeats would lose rows in silence: refused, where the database can tell. */
async function checkTable(postgres: Postgres, table: string, from: string, cursor: readonly string[]): Promise<void> {
  const attributes = await postgres.query(
    `SELECT attname, attnotnull::text, attnum::text FROM pg_attribute
     WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped`,
    [from],
  );
  const { rows: kind } = await postgres.query('SELECT relkind::text FROM pg_class WHERE oid = $1::regclass', [from]);
  // Views have neither.
  if (kind[0]?.[0] !== 'r' && kind[0]?.[0] !== 'p') return;
  const known = new Map(attributes.rows.map(([name, notNull, number]) => [name, { notNull, number }]));
  const nullable = cursor.filter((column) => known.get(column)?.notNull !== 'true');
  if (nullable.length > 0)
    throw errors.cursorUnusable(
      table,
      `cursor column "${nullable.join('", "')}" may be null, and such rows would never be read: set it NOT NULL`,
    );
  const { rows: indexes } = await postgres.query(
    `SELECT indkey::text FROM pg_index WHERE indrelid = $1::regclass AND indisunique AND indpred IS NULL AND indexprs IS NULL`,
    [from],
  );
  const numbers = new Set(cursor.map((column) => known.get(column)?.number));
  const unique = indexes.some(([keys]) => (keys ?? '').split(' ').every((number) => numbers.has(number)));
  if (!unique)
    throw errors.cursorUnusable(
      table,
      `the cursor (${cursor.join(', ')}) is not unique, and of equal rows some would be passed by: add the primary key to it`,
    );
}

function cursorOf(row: readonly (string | null)[] | undefined, count: number): string[] | null {
  if (row === undefined) return null;
  return row.slice(0, count).map((value) => value ?? '');
}

/** For queries and views: nulls come last in the order and would end the reading for ever; equal cursors would lose rows. */
function checkOrder(name: string, rows: PostgresResult['rows'], count: number): void {
  let before: string | null = null;
  for (const row of rows) {
    const keys = row.slice(0, count);
    if (keys.includes(null))
      throw errors.cursorUnusable(name, 'a cursor column is null in a row: leave such rows out of the query');
    const text = JSON.stringify(keys);
    if (text === before)
      throw errors.cursorUnusable(name, `two rows have the cursor ${text}: add a column that makes it unique`);
    before = text;
  }
}

function chunkOf(part: string, { columns, rows }: PostgresResult, count: number): Chunk | null {
  const last = cursorOf(rows.at(-1), count);
  if (last === null) return null;
  const items = rows.map((values): Item => {
    const row: Record<string, Cell> = {};
    columns.forEach(({ name }, i) => {
      if (i >= count) row[name] = values[i] ?? null;
    });
    return { kind: 'row', row, place: `${part}:${values.slice(0, count).join(',')}` };
  });
  return { items, cursor: JSON.stringify(last) };
}
