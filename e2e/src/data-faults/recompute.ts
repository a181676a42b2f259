import type { DuckDb } from '@everloop/storage';
import { topic } from './rides.ts';

/*
 * What should come of the raw records, in plain SQL over them: written from the contract of the Source and from the meaning that
 * libs/features/README.md states, without any code of the services. Tables: `raw (p, o, v)`, `valid (p, o, src, v)`, `quarantine (p, o, src, v)`.
 */

const field = (name: string): string => `json_extract(v, '$.${name}')`;
const kind = (name: string): string => `coalesce(json_type(v, '$.${name}'), 'NULL')`;
const text = (name: string): string => `json_extract_string(v, '$.${name}')`;
const isNumber = (name: string): string => `${kind(name)} IN ('BIGINT', 'UBIGINT', 'DOUBLE')`;

/** Which raw records satisfy the contract of the Source, each by itself. */
const fits = `
  CASE WHEN v IS NULL OR NOT json_valid(v) THEN false
       WHEN json_type(v) <> 'OBJECT' THEN false
       ELSE len(list_filter(json_keys(v), lambda k: k NOT IN ('ride', 'driver', 'zone', 'fare', 'at', 'created'))) = 0
        AND ${kind('ride')} = 'VARCHAR' AND length(${text('ride')}) BETWEEN 1 AND 20
        AND ${kind('driver')} = 'VARCHAR' AND regexp_full_match(${text('driver')}, 'D[0-9]+')
        AND ${kind('zone')} IN ('VARCHAR', 'NULL')
        AND (${kind('fare')} = 'NULL' OR (${isNumber('fare')} AND TRY_CAST(${field('fare')} AS DOUBLE) BETWEEN -100 AND 1000
             AND TRY_CAST(${field('fare')} AS DOUBLE) <> 13))
        AND ${isNumber('at')} AND ${isNumber('created')} END`;

/** Judges the raw records and takes the fields out of the good ones. */
export async function judge(duck: DuckDb): Promise<void> {
  // Of those with the same ride the first in its partition is the one that counts.
  await duck.run(`CREATE TABLE judged AS
    WITH alone AS (SELECT p, o, v, ${fits} AS fits FROM raw),
         named AS (SELECT p, o, v, fits, CASE WHEN fits THEN ${text('ride')} END AS ride FROM alone)
    SELECT p, o, v, fits AND row_number() OVER (PARTITION BY p, fits, ride ORDER BY o) = 1 AS good, fits FROM named`);
  await duck.run(
    `CREATE TABLE rides AS SELECT p, o, ${text('ride')} AS ride, ${text('driver')} AS driver, ${text('zone')} AS zone, ` +
      `CAST(${field('fare')} AS DOUBLE) AS fare, CAST(${field('at')} AS BIGINT) AS happened, CAST(${field('created')} AS BIGINT) AS created ` +
      `FROM judged WHERE good`,
  );
}

/** One row of counts that must all be zero, but `records`, `good` and `bad`. */
export const ledgerSql = `
  WITH src AS (SELECT p, o, '${topic}/' || p || '/' || o AS src, v, good FROM judged)
  SELECT (SELECT count(*) FROM src) AS records,
         (SELECT count(*) FROM src WHERE good) AS good,
         (SELECT count(*) FROM src WHERE NOT good) AS bad,
         (SELECT count(*) FROM judged WHERE fits AND NOT good) AS repeats,
         (SELECT count(*) FROM src ANTI JOIN (SELECT src FROM valid UNION ALL SELECT src FROM quarantine) USING (src)) AS lost,
         (SELECT count(*) - count(DISTINCT src) FROM (SELECT src FROM valid UNION ALL SELECT src FROM quarantine)) AS twice,
         (SELECT count(*) FROM src JOIN quarantine USING (src) WHERE good) AS wrongly_quarantined,
         (SELECT count(*) FROM src JOIN valid USING (src) WHERE NOT good) AS wrongly_valid,
         (SELECT count(*) FROM src JOIN (SELECT * FROM valid UNION ALL SELECT * FROM quarantine) w USING (src)
           WHERE w.v IS DISTINCT FROM src.v OR w.p <> src.p) AS changed,
         (SELECT count(*) FROM (SELECT CAST(split_part(src, '/', 3) AS BIGINT) AS s, lag(s) OVER (PARTITION BY p ORDER BY o) AS before FROM valid)
           WHERE s <= before) AS valid_out_of_order,
         (SELECT count(*) FROM (SELECT CAST(split_part(src, '/', 3) AS BIGINT) AS s, lag(s) OVER (PARTITION BY p ORDER BY o) AS before FROM quarantine)
           WHERE s <= before) AS quarantine_out_of_order`;

/**
 * Rows of `history` (from the Parquet files: __partition, __offset, and the fields) against the good records: each once and with its values.
 */
export function historySql(history: string): string {
  const columns = 'ride, driver, zone, fare, happened, created';
  return `
    WITH h AS (SELECT __partition AS p, __offset AS o, ride, driver, zone, fare, "at" AS happened, created FROM ${history}),
         w AS (SELECT valid.p, valid.o, ${columns} FROM valid
               JOIN rides ON valid.src = '${topic}/' || rides.p || '/' || rides.o)
    SELECT (SELECT count(*) FROM h) AS rows,
           (SELECT count(*) FROM (FROM h EXCEPT ALL FROM w)) AS surplus,
           (SELECT count(*) FROM (FROM w EXCEPT ALL FROM h)) AS missing`;
}

interface Window {
  readonly name: string;
  readonly aggregate: string;
  readonly hours: number;
}

const micros = `floor(e.fare * 1e6 + 0.5)`;
const sum = `coalesce(sum(${micros}), 0) / 1e6`;
const mean = `sum(${micros}) / 1e6 / nullif(count(e.fare), 0)`;

const order = '(e.happened, greatest(e.happened, e.created), e.p, e.o)';
const last = `arg_max(e.fare, ${order}) FILTER (WHERE e.fare IS NOT NULL)`;

const views: readonly { name: string; entity: string; hopMs: number; ttlMs: number; windows: readonly Window[] }[] = [
  {
    name: 'driver_fares',
    entity: 'driver',
    hopMs: 3_600_000,
    ttlMs: 86_400_000,
    windows: [
      { name: 'rides_2d', aggregate: 'count(*)', hours: 48 },
      { name: 'sum_2d', aggregate: sum, hours: 48 },
      { name: 'mean_12h', aggregate: mean, hours: 12 },
      { name: 'least_12h', aggregate: 'min(e.fare)', hours: 12 },
      { name: 'most_2d', aggregate: 'max(e.fare)', hours: 48 },
    ],
  },
  {
    name: 'zone_fares',
    entity: 'zone',
    hopMs: 600_000,
    ttlMs: 6 * 3_600_000,
    windows: [
      { name: 'rides_1h', aggregate: 'count(*)', hours: 1 },
      { name: 'sum_1h', aggregate: sum, hours: 1 },
      { name: 'mean_6h', aggregate: mean, hours: 6 },
      { name: 'last_6h', aggregate: last, hours: 6 },
    ],
  },
];

/** Whether an event counts as of `q.t`: from when it was known, which is never before it happened. */
const known = 'greatest(e.happened, e.created) <= q.t';

function aggregatesSql(view: (typeof views)[number]): string {
  const values = view.windows.map(({ name, aggregate, hours }) => {
    const start = `floor((q.t - ${hours * 3_600_000}) / ${view.hopMs}) * ${view.hopMs}`;
    return `(SELECT ${aggregate} FROM rides e WHERE e.${view.entity} = q.${view.entity} AND ${known} AND e.happened >= ${start}) AS ${name}`;
  });
  return (
    `SELECT q.id, CASE WHEN n.newest IS NULL THEN 3 WHEN n.newest >= q.t - ${view.ttlMs} THEN 1 ELSE 4 END AS st, ${values.join(', ')} ` +
    `FROM questions q JOIN (SELECT q.id, max(e.happened) AS newest FROM questions q LEFT JOIN rides e ON e.${view.entity} = q.${view.entity} AND ${known} ` +
    `GROUP BY q.id) n ON n.id = q.id`
  );
}

const newestSql = `
  SELECT q.id, CASE WHEN arg_max(e.happened, k) IS NULL THEN 3 WHEN arg_max(e.happened, k) >= any_value(q.t) - 43200000 THEN 1 ELSE 4 END AS st,
         arg_max(e.ride, k) AS newest_ride, arg_max({ 'fare': e.fare }, k).fare AS newest_fare
  FROM questions q LEFT JOIN (SELECT *, (happened, greatest(happened, created), p, o) AS k FROM rides) e ON e.driver = q.driver AND ${known} GROUP BY q.id`;

const columnOf = (view: string, name: string): string =>
  `CASE WHEN ${view}.st = 1 THEN ${view}.${name} END AS ${name}, ` +
  `CASE WHEN ${view}.st = 1 AND ${view}.${name} IS NULL THEN 2 ELSE ${view}.st END AS ${name}_status`;

/** Per question (table `questions (id, driver, zone, t)`): every input of the model and its status, in the order of the ids. */
export const answersSql = `
  WITH ${views.map((view) => `${view.name} AS (${aggregatesSql(view)})`).join(', ')}, driver_newest AS (${newestSql})
  SELECT id, ${views.flatMap((view) => view.windows.map(({ name }) => columnOf(view.name, name))).join(', ')},
         ${columnOf('driver_newest', 'newest_ride')}, ${columnOf('driver_newest', 'newest_fare')}
  FROM driver_fares JOIN zone_fares USING (id) JOIN driver_newest USING (id) ORDER BY id`;
