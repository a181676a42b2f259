import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  backfillRowsSql,
  finishedInputs,
  planFunctions,
  planLookup,
  pointInTimeSql,
  sparkPointInTimeSql,
  type LookupPlan,
  type SparkInput,
  type SparkView,
} from '@everloop/features';
import { openDuckDb, sqlText, type DuckDb, type DuckRow } from '@everloop/storage';
import { pythonRequirements, pythonVenv } from '@everloop/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { topologyOf } from '../src/domain/topology.ts';
import { everyFunctionResources } from './every-function.ts';
import { goldenPlan, goldenRows } from './golden-rows.ts';

/*
 * A real Spark, on this machine and with PySpark's own engine, answers the same questions over the same Parquet files as DuckDB: value by value and
 * to the bit (Object.is on every number).
 */
const driver = join(import.meta.dirname, '../../../deploy/spark/run_sql.py');
const spine = 'spine';
const events = 6_000;

let dir = '';
let duck: DuckDb;
/** Every function over views of single, composite and derived keys; the aggregates of one view alone. */
let plan: LookupPlan;
let backfill: LookupPlan;
const sparkTables = new Map([
  ['planned', 'planned'],
  ['arrived', 'arrived'],
]);

const random = (salt: number): string => `(hash(i * 31 + ${salt}) % 1000003) / 1000003.0`;
const oneOf = (name: string, count: number, salt: number): string =>
  `CASE WHEN ${random(salt)} < 0.05 THEN NULL ELSE '${name}' || CAST(floor(${random(salt + 1)} * ${count}) AS BIGINT) END`;

/** Events with few distinct times (ties), nulls, late ones, and values too large to be summed. */
function eventsSql(extra: string): string {
  return (
    `SELECT CAST(i % 2 AS INTEGER) AS __partition, i AS __offset, et AS __time_ms, et + lag AS __known_ms, et::DOUBLE AS "at", ` +
    `${oneOf('t', 300, 1)} AS trip, ${oneOf('o', 4, 3)} AS origin, ${oneOf('v', 25, 5)} AS vehicle, ${extra} FROM (` +
    `SELECT i, et, CASE WHEN hash(i) % 4 = 0 THEN hash(i) % 200 ELSE 0 END::BIGINT AS lag ` +
    `FROM (SELECT range AS i, CAST(floor(${random(9).replaceAll('i *', 'range *')} * 2000) AS BIGINT) AS et FROM range(${events})))`
  );
}

const delay =
  `CASE WHEN ${random(11)} < 0.1 THEN NULL WHEN ${random(11)} < 0.11 THEN 1e10 WHEN ${random(11)} < 0.12 THEN -9.1e9 ` +
  `ELSE (${random(13)} - 0.3) * 1234.56789 END AS delay`;

/** Writes a table as three files that count and one that does not. */
async function writeTable(name: string, query: string): Promise<string[]> {
  await duck.run(`CREATE TABLE ${name} AS ${query}`);
  mkdirSync(join(dir, name));
  const files: string[] = [];
  for (let part = 0; part < 3; part++) {
    const file = join(dir, name, `${part}.parquet`);
    await duck.copyToParquet(`SELECT * FROM ${name} WHERE __offset % 3 = ${part} ORDER BY __offset`, file);
    files.push(file);
  }
  await duck.copyToParquet(
    `SELECT * REPLACE (__time_ms + 1 AS __time_ms) FROM ${name}`,
    join(dir, name, 'unlisted.parquet'),
  );
  return files;
}

interface Job {
  readonly tables: Record<string, readonly string[]>;
  readonly views: readonly SparkView[];
  readonly queries: readonly { readonly sql: string; readonly output: string }[];
}

let python = '';

function submit(name: string, job: Job): void {
  const file = join(dir, `${name}.json`);
  writeFileSync(file, JSON.stringify({ name, ...job }));
  const { status, stderr } = spawnSync(python, [driver, file], {
    encoding: 'utf8',
    env: {
      ...process.env,
      PYSPARK_PYTHON: python,
      PYSPARK_SUBMIT_ARGS: `--master local[2] --driver-memory 1g --conf spark.sql.shuffle.partitions=4 --conf spark.ui.enabled=false --conf spark.driver.bindAddress=127.0.0.1 --conf spark.driver.host=127.0.0.1 pyspark-shell`,
    },
  });
  expect(status, stderr.slice(-4_000)).toBe(0);
}

const answer = (name: string): string => `read_parquet(${sqlText(join(dir, name, '*.parquet'))})`;

async function rowsOf(relation: string): Promise<DuckRow[]> {
  return duck.all(`SELECT * FROM ${relation} ORDER BY __row`);
}

/** An answer of Spark as DuckDB finishes it: lists as text, what is computed on demand by the one implementation. */
function finished(name: string, inputs: readonly SparkInput[]): string {
  const { inputs: columns, functions } = finishedInputs(inputs);
  duck.define(functions);
  const values = columns.map(
    ({ name: input, value, status }, index) =>
      `, ${value} AS "${input}", ${status ?? `__status_${index}`} AS __status_${index}`,
  );
  return `(SELECT __row${values.join('')} FROM ${answer(name)})`;
}

const plain = (rows: readonly DuckRow[]): unknown[] =>
  rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [name, typeof value === 'bigint' ? Number(value) : value]),
    ),
  );

beforeAll(async () => {
  python = await pythonVenv('spark', pythonRequirements('spark'));
  dir = mkdtempSync(join(tmpdir(), 'evl-spark-'));
  duck = await openDuckDb({ memoryLimitMib: 512, threads: 2 });
  const topology = topologyOf(everyFunctionResources('trips'));
  const spec = topology.models.get('everything');
  if (spec === undefined) throw new Error('the fixtures have no model');
  // One window of each view, beside what is computed on demand: a query's cost here is that of being analysed.
  const isAsked = (name: string): boolean => !/^route_.*_120$|^place_.*_35$/.test(name);
  const inputs = spec.inputs.filter(({ name }) => isAsked(name));
  plan = planLookup({ ...spec, inputs }, topology.catalog);
  const place = {
    request: [{ name: 'origin', type: 'string' }],
    views: [{ view: 'place', key: 'request.origin' }],
  } as const;
  backfill = planLookup({ ...place, inputs: inputs.filter(({ name }) => name.startsWith('place_')) }, topology.catalog);
});
afterAll(() => {
  duck.close();
  rmSync(dir, { recursive: true, force: true });
});

describe('Spark', () => {
  it('answers what DuckDB answers: columns, aggregates, keys that come from other views, backfills', async () => {
    const tables = {
      planned: await writeTable(
        'planned',
        eventsSql(
          `CASE WHEN ${random(18)} < 0.1 THEN NULL ELSE floor(${random(17)} * 9) END AS seats, 1.5 AS miles, et::DOUBLE AS leaves`,
        ),
      ),
      arrived: await writeTable('arrived', eventsSql(delay)),
    };
    await duck.run(
      `CREATE TABLE spine AS SELECT i AS __row, CAST(floor(${random(21)} * 3200) AS BIGINT) - 100 AS __as_of_ms, ${oneOf('t', 330, 23)} AS trip, ` +
        `${oneOf('o', 5, 25)} AS origin, ${random(27)} AS miles FROM (SELECT range AS i FROM range(3000))`,
    );
    await duck.copyToParquet('SELECT * FROM spine', join(dir, 'spine.parquet'));
    const view = backfill.bindings[0]?.view;
    if (view === undefined) throw new Error('the model reads no aggregates');
    const filled = (dialect: 'duckdb' | 'spark') =>
      backfillRowsSql(dialect, view, 'arrived', { fromMs: 0, untilMs: 2_500 });
    const asked = sparkPointInTimeSql(plan, { spine, tables: sparkTables, known: 'bitemporal', prefix: 'a_' });
    const fill = sparkPointInTimeSql(backfill, { spine: 'filled', tables: sparkTables, known: 'latest', prefix: 'b_' });
    submit('join', {
      tables: { ...tables, spine: [join(dir, 'spine.parquet')] },
      views: [{ name: 'filled', sql: `SELECT * FROM ${filled('spark')}`, kept: true }, ...asked.views, ...fill.views],
      queries: [
        { sql: asked.sql, output: join(dir, 'joined') },
        { sql: fill.sql, output: join(dir, 'backfilled') },
      ],
    });
    const joined = plain(await rowsOf(finished('joined', asked.inputs)));
    expect(joined).toHaveLength(3_000);
    duck.define(planFunctions(plan));
    const ours = pointInTimeSql(plan, { spine, tables: sparkTables, known: 'bitemporal' });
    expect(joined).toEqual(plain(await rowsOf(`(${ours})`)));
    const backfilled = plain(await rowsOf(finished('backfilled', fill.inputs)));
    expect(backfilled.length).toBeGreaterThan(500);
    const ourFill = pointInTimeSql(backfill, { spine: filled('duckdb'), tables: sparkTables, known: 'latest' });
    expect(backfilled).toEqual(plain(await rowsOf(`(${ourFill})`)));
    const last = plan.names.indexOf('plan_seats');
    const [seen] = await duck.all(
      `SELECT count(DISTINCT __status_0) AS aggregates, count(DISTINCT __status_${last}) AS columns FROM ${answer('joined')}`,
    );
    expect(plain([seen ?? {}])).toEqual([{ aggregates: 3, columns: 4 }]);
    const texts = new Set(joined.map((row) => (row as Record<string, unknown>)['route_last_delays_35']));
    const whole = [...texts].filter((text) => /[[,]1e?\d+[\],]/.test(String(text)));
    expect([texts.has('[]'), texts.has(null), whole.length > 0, texts.size > 100]).toEqual([true, true, true, true]);
    for (const name of ['ratio', 'per_mile', 'whole', 'where', 'same', 'always']) {
      const values = joined.map((row) => (row as Record<string, unknown>)[`computed_${name}`]);
      expect(new Set(values).size, name).toBeGreaterThan(name === 'always' ? 0 : 2);
    }
  });

  it('answers what pandas answered, as of what was known and as of what is known today', async () => {
    const csv = (name: string): string =>
      `read_csv(${sqlText(join(import.meta.dirname, 'golden', `${name}.csv`))}, nullstr = '')`;
    await duck.copyToParquet(
      `SELECT CAST(part AS INTEGER) AS __partition, CAST(off AS BIGINT) AS __offset, CAST(time_ms AS BIGINT) AS __time_ms, ` +
        `CAST(known_ms AS BIGINT) AS __known_ms, text, entity, CAST(value AS DOUBLE) AS value FROM ${csv('events')}`,
      join(dir, 'golden-events.parquet'),
    );
    await duck.copyToParquet(
      `SELECT CAST(row AS BIGINT) AS __row, CAST(as_of_ms AS BIGINT) AS __as_of_ms, entity FROM ${csv('spine')}`,
      join(dir, 'golden-spine.parquet'),
    );
    const policies = ['bitemporal', 'latest'] as const;
    const tables = new Map([['events', 'events']]);
    const asked = policies.map((known) =>
      sparkPointInTimeSql(goldenPlan(), { spine, tables, known, prefix: `${known}_` }),
    );
    submit('golden', {
      tables: { events: [join(dir, 'golden-events.parquet')], spine: [join(dir, 'golden-spine.parquet')] },
      views: asked.flatMap(({ views }) => views),
      queries: asked.map(({ sql }, index) => ({ sql, output: join(dir, `golden-${policies[index] ?? ''}`) })),
    });
    for (const known of policies) {
      const answered = await duck.all(
        `SELECT CAST(__row AS INTEGER) AS row, value, __status_0 AS value_status, text, __status_1 AS text_status FROM ${answer(`golden-${known}`)} ORDER BY 1`,
      );
      expect(answered).toEqual(await goldenRows(duck, csv(known)));
    }
  });
});
