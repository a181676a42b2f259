import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { freePorts, startLocalPostgres, startLocalS3, type LocalPostgres, type LocalS3 } from '@everloop/local';
import { pause } from '@everloop/service';
import { createPostgres, createS3, openDuckDb, type DuckDb, type Postgres } from '@everloop/storage';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFolderConnector } from '../src/adapters/folder-connector.ts';
import { createPostgresConnector } from '../src/adapters/postgres-connector.ts';
import { createS3Connector } from '../src/adapters/s3-connector.ts';
import { fieldValue, type Cell } from '../src/domain/field-value.ts';
import type { Connector, Item } from '../src/ports.ts';
import { chunksOf, itemsOf, signal } from './support.ts';

let duck: DuckDb;
let dir = '';
let postgres: LocalPostgres;
let s3: LocalS3;
const silent = (): void => undefined;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'everloop-connectors-'));
  duck = await openDuckDb({ memoryLimitMib: 256, threads: 1 });
  const [postgresPort = 0, s3Port = 0] = await freePorts(2);
  [postgres, s3] = await Promise.all([
    startLocalPostgres({ port: postgresPort, log: silent }),
    startLocalS3({ dir: join(dir, 's3'), port: s3Port, log: silent }),
  ]);
});
afterAll(async () => {
  await Promise.all([postgres.stop(), s3.stop()]);
  duck.close();
  await rm(dir, { recursive: true, force: true });
});

/** Row `i` of part `part`, as every connector must give it. */
interface Trip {
  readonly id: string;
  readonly at: string;
  readonly miles: number | null;
  readonly note: string | null;
}

function trips(part: number, count: number): Trip[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `t${part}-${String(i).padStart(6, '0')}`,
    at: new Date(1_357_000_000_000 + i * 60_000).toISOString(),
    miles: i % 7 === 0 ? null : i / 8,
    note: i % 5 === 0 ? null : `a "quoted", ${i % 3 === 0 ? 'broken\nline' : 'ä'}`,
  }));
}

/** A place that can be filled and read by one adapter. */
interface World {
  readonly connector: Connector;
  put(part: string, rows: readonly Trip[]): Promise<void>;
}

function csvOf(rows: readonly Trip[]): string {
  const cell = (value: string | number | null): string =>
    value === null ? '' : typeof value === 'number' ? String(value) : `"${value.replaceAll('"', '""')}"`;
  return `id,at,miles,note\n${rows.map((r) => [r.id, r.at, r.miles, r.note].map(cell).join(',')).join('\n')}\n`;
}

async function parquetOf(path: string, rows: readonly Trip[]): Promise<void> {
  const source = `${path}.csv`;
  await writeFile(source, csvOf(rows));
  await duck.copyToParquet(
    `SELECT id, CAST("at" AS TIMESTAMP) AS at, CAST(miles AS DOUBLE) AS miles, note FROM read_csv('${source}', all_varchar = true, header = true, parallel = false)`,
    path,
  );
  await rm(source);
}

async function putFile(path: string, format: 'csv' | 'parquet', rows: readonly Trip[]): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  if (format === 'parquet') return parquetOf(path, rows);
  await writeFile(`${path}.part`, csvOf(rows));
  await rename(`${path}.part`, path);
}

async function s3Put(bucket: string, key?: string, body?: Uint8Array): Promise<void> {
  await createS3({ ...s3, region: 'us-east-1' }).put(bucket, key, body);
}

function s3Connector(bucket: string, prefix: string, format: 'csv' | 'parquet'): Connector {
  const client = createS3({ ...s3, region: 'us-east-1' });
  return createS3Connector({ s3: client, bucket, prefix, format, duck, tempDir: join(dir, 'objects') });
}

const admin = (): Postgres => createPostgres({ url: postgres.url, name: 'test' });

function postgresConnector(options: {
  table?: string;
  query?: string;
  cursor: readonly string[];
  heldBack?: (n: number) => void;
}): Connector {
  return createPostgresConnector({ postgres: admin(), heldBack: () => undefined, pause, ...options });
}

const worlds: Readonly<Record<string, () => Promise<World>>> = {
  'CSV in a folder': () => Promise.resolve(folderWorld('csv')),
  'Parquet in a folder': () => Promise.resolve(folderWorld('parquet')),
  'CSV in a bucket': () => bucketWorld('csv'),
  'Parquet in a bucket': () => bucketWorld('parquet'),
  Postgres: async () => {
    const db = admin();
    await db.query('DROP TABLE IF EXISTS trips');
    await db.query(
      'CREATE TABLE trips (part int NOT NULL, id text NOT NULL, at timestamptz, miles float8, note text, PRIMARY KEY (part, id))',
    );
    let part = 0;
    return {
      connector: postgresConnector({ table: 'public.trips', cursor: ['part', 'id'] }),
      async put(_name, rows) {
        part += 1;
        await db.query(
          `INSERT INTO trips SELECT $1::int, e->>'id', (e->>'at')::timestamptz, (e->>'miles')::float8, e->>'note' FROM json_array_elements($2::json) e`,
          [String(part), JSON.stringify(rows)],
        );
      },
    };
  },
};

function folderWorld(format: 'csv' | 'parquet'): World {
  const path = `folder-${format}`;
  return {
    connector: createFolderConnector({ root: dir, path, format, duck }),
    put: (part, rows) => putFile(join(dir, path, `${part}.${format}`), format, rows),
  };
}

async function bucketWorld(format: 'csv' | 'parquet'): Promise<World> {
  await s3Put(`raw-${format}`);
  return {
    connector: s3Connector(`raw-${format}`, 'in/', format),
    async put(part, rows) {
      const file = join(dir, `upload.${format}`);
      await putFile(file, format, rows);
      await s3Put(`raw-${format}`, `in/${part}.${format}`, await readFile(file));
    },
  };
}

/** What the Source's fields will be. */
function asTrip(item: Item): Trip {
  if (item.kind !== 'row') throw new Error(`unreadable: ${item.why}`);
  const field = (type: 'string' | 'number' | 'timestamp', cell: Cell | undefined): unknown =>
    fieldValue(type, cell ?? null);
  return {
    id: field('string', item.row['id']) as string,
    at: new Date(field('timestamp', item.row['at']) as string | number).toISOString(),
    miles: field('number', item.row['miles']) as number | null,
    note: field('string', item.row['note']) as string | null,
  };
}

describe.each(Object.entries(worlds))('%s', (_name, open) => {
  let world: World;
  beforeAll(async () => {
    world = await open();
    await world.put('2013/a b&c', trips(1, 2_500));
    await world.put('2013/d', trips(2, 1));
    await world.put('2014/e', trips(3, 1_200));
  });

  it('gives every row once, in one order, with its values', async () => {
    const items = await itemsOf(world.connector);
    expect(items.map(asTrip)).toEqual([...trips(1, 2_500), ...trips(2, 1), ...trips(3, 1_200)]);
    expect(new Set(items.map(({ place }) => place)).size).toBe(items.length);
  });

  it('goes on after every chunk as if it had not stopped', async () => {
    for (const part of await world.connector.list(signal)) {
      const chunks = await chunksOf(world.connector, part);
      const all = chunks.flatMap(({ items }) => items);
      let given = 0;
      for (const { items, cursor } of chunks) {
        given += items.length;
        expect(items.length).toBeLessThanOrEqual(2_048);
        const rest = (await chunksOf(world.connector, part, cursor)).flatMap((chunk) => chunk.items);
        expect(rest).toEqual(all.slice(given));
      }
    }
  });

  it('sees what is new, and the old parts as they were', async () => {
    const before = await world.connector.list(signal);
    const versions = await Promise.all(before.map((part) => world.connector.version(part, signal)));
    await world.put('2015/f', trips(4, 3));
    const after = await world.connector.list(signal);
    const old = after.filter(({ name }) => before.some((part) => part.name === name));
    expect(old).toEqual(before);
    expect(await Promise.all(old.map((part) => world.connector.version(part, signal)))).toEqual(versions);
    expect((await itemsOf(world.connector)).slice(-3).map(asTrip)).toEqual(trips(4, 3));
  });

  it('a part that changed has another version, and is never mixed with the old one', async () => {
    const [part] = await world.connector.list(signal);
    if (part === undefined || part.grows) return;
    const version = await world.connector.version(part, signal);
    await world.put('2013/a b&c', trips(9, 2_500));
    const [now] = await world.connector.list(signal);
    expect(now?.name).toBe(part.name);
    expect(now?.hint).not.toBe(part.hint);
    expect(await world.connector.version(now ?? part, signal)).not.toBe(version);
  });
});

describe('files', () => {
  it('hidden and unfinished ones are left alone; links out of the root are refused', async () => {
    const folder = join(dir, 'odd');
    await mkdir(join(folder, '_temporary'), { recursive: true });
    for (const name of ['.a.csv', '_b.csv', 'c.csv.part', 'd.txt', '_temporary/e.csv', 'f.csv'])
      await writeFile(join(folder, name), 'id\n1\n');
    const connector = createFolderConnector({ root: dir, path: 'odd', format: 'csv', duck });
    expect((await connector.list(signal)).map(({ name }) => name)).toEqual(['f.csv']);
    await symlink('/etc', join(dir, 'out'));
    await expect(
      createFolderConnector({ root: dir, path: 'out', format: 'csv', duck }).list(signal),
    ).rejects.toMatchObject({
      code: 'EVL_INGEST_PATH_OUTSIDE',
    });
    await expect(
      createFolderConnector({ root: dir, path: 'none', format: 'csv', duck }).list(signal),
    ).rejects.toMatchObject({
      code: 'EVL_INGEST_FOLDER_MISSING',
      kind: 'retryable',
    });
  });

  it('lines that cannot be read come with file, line and bytes; the others are rows', async () => {
    await mkdir(join(dir, 'bad'));
    await writeFile(join(dir, 'bad', 'x.csv'), 'id,at\n1,2\n"3\n4,5,6\n7,8\n');
    const connector = createFolderConnector({ root: dir, path: 'bad', format: 'csv', duck });
    expect(await itemsOf(connector)).toMatchObject([
      { kind: 'row', row: { id: '1', at: '2' }, place: 'x.csv:2' },
      { kind: 'unreadable', place: 'x.csv:3', why: 'a quote is not closed', bytes: Buffer.from('"3') },
      { kind: 'unreadable', place: 'x.csv:4', why: '3 fields where the header has 2', bytes: Buffer.from('4,5,6') },
      { kind: 'row', row: { id: '7', at: '8' }, place: 'x.csv:5' },
    ]);
  });

  it('a file that is no Parquet is unusable', async () => {
    await mkdir(join(dir, 'noparquet'));
    await writeFile(join(dir, 'noparquet', 'x.parquet'), 'PAR1 nonsense');
    const connector = createFolderConnector({ root: dir, path: 'noparquet', format: 'parquet', duck });
    await expect(itemsOf(connector)).rejects.toMatchObject({ code: 'EVL_INGEST_PART_UNUSABLE' });
  });

  it('an object that is replaced while it is read is noticed', async () => {
    await s3Put('replaced');
    await s3Put('replaced', 'x.csv', Buffer.from('id\n1\n'));
    const connector = s3Connector('replaced', '', 'csv');
    const [part = { name: '', hint: '', grows: false }] = await connector.list(signal);
    await s3Put('replaced', 'x.csv', Buffer.from('id\n2\n'));
    await expect(chunksOf(connector, part)).rejects.toMatchObject({ code: 'EVL_INGEST_PART_CHANGED' });
  });
});

describe('Postgres under concurrent writers', () => {
  it('a row whose cursor was drawn first and committed last is not passed by', async () => {
    const [early, late, db] = [admin(), admin(), admin()];
    await db.query('CREATE TABLE queue (id bigserial PRIMARY KEY, at timestamptz DEFAULT now(), note text)');
    const held: number[] = [];
    const connector = postgresConnector({ table: 'queue', cursor: ['id'], heldBack: (n) => held.push(n) });
    const [part = { name: '', hint: '', grows: true }] = await connector.list(signal);
    await early.query('BEGIN');
    await early.query("INSERT INTO queue (note) VALUES ('first')");
    await late.query("INSERT INTO queue (note) VALUES ('second')");
    // The look waits for the open transaction, gives up for now, and has passed nothing by.
    expect(await chunksOf(connector, part)).toEqual([]);
    expect(held).toEqual([1]);
    await early.query('COMMIT');
    const chunks = await chunksOf(connector, part);
    expect(chunks.flatMap(({ items }) => items).map((item) => item.kind === 'row' && item.row['note'])).toEqual([
      'first',
      'second',
    ]);
    await Promise.all([early, late, db, connector].map((one) => one.close()));
  });

  it('twenty writers at once: every row once', async () => {
    const db = admin();
    await db.query('CREATE TABLE busy (at timestamptz NOT NULL DEFAULT now(), id bigserial, PRIMARY KEY (at, id))');
    const connector = postgresConnector({ table: 'busy', cursor: ['at', 'id'] });
    const [part = { name: '', hint: '', grows: true }] = await connector.list(signal);
    const writers = Array.from({ length: 20 }, async () => {
      const session = admin();
      for (let i = 0; i < 15; i += 1) {
        await session.query('BEGIN');
        await session.query('INSERT INTO busy DEFAULT VALUES');
        await session.query(`SELECT pg_sleep(${(i % 4) / 100})`);
        await session.query('INSERT INTO busy DEFAULT VALUES');
        await session.query('COMMIT');
      }
      await session.close();
    });
    const state = { writing: true };
    const finished = Promise.all(writers).then(() => {
      state.writing = false;
    });
    const seen: unknown[] = [];
    let cursor = '';
    for (let last = false; !last;) {
      last = !state.writing;
      for (const chunk of await chunksOf(connector, part, cursor)) {
        seen.push(...chunk.items.map((item) => item.kind === 'row' && item.row['id']));
        cursor = chunk.cursor;
      }
    }
    await finished;
    expect(seen.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 600 }, (_, i) => i + 1));
    await Promise.all([db.close(), connector.close()]);
  });

  it.each([
    ['may be null', 'CREATE TABLE IF NOT EXISTS c1 (id int, n int)', ['n'], /NOT NULL/],
    [
      'is not unique',
      'CREATE TABLE IF NOT EXISTS c1 (id int NOT NULL PRIMARY KEY, n int NOT NULL)',
      ['n'],
      /not unique/,
    ],
  ])('a cursor that %s is refused', async (_what, create, cursor, message) => {
    const db = admin();
    await db.query('DROP TABLE IF EXISTS c1');
    await db.query(create);
    await expect(itemsOf(postgresConnector({ table: 'c1', cursor }))).rejects.toThrow(message);
    await db.close();
  });

  it('a query is read like a table; equal cursors and nulls in it are errors', async () => {
    const rows = await itemsOf(
      postgresConnector({ query: 'SELECT n AS id, 2 * n AS double FROM generate_series(1, 1500) n', cursor: ['id'] }),
    );
    expect(rows).toHaveLength(1_500);
    expect(rows[1_499]).toMatchObject({ row: { id: '1500', double: '3000' }, place: 'query:1500' });
    await expect(
      itemsOf(postgresConnector({ query: 'SELECT 1 AS id UNION ALL SELECT 1', cursor: ['id'] })),
    ).rejects.toThrow(/unique/);
    await expect(
      itemsOf(postgresConnector({ query: 'SELECT 1 AS id UNION ALL SELECT NULL', cursor: ['id'] })),
    ).rejects.toThrow(/null/);
  });

  it('what the database refuses is said; a database that is away can be tried again', async () => {
    await expect(itemsOf(postgresConnector({ table: 'nowhere', cursor: ['id'] }))).rejects.toMatchObject({
      code: 'EVL_STORAGE_POSTGRES_REFUSED',
      kind: 'terminal',
    });
    const away = createPostgres({ url: 'postgres://u:p@127.0.0.1:1/db', name: 'test' });
    await expect(away.query('SELECT 1')).rejects.toMatchObject({
      code: 'EVL_STORAGE_POSTGRES_UNREACHABLE',
      kind: 'retryable',
    });
  });
});
