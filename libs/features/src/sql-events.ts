import type { KeyOrigin, PlannedView } from './plan.ts';
import { quoted, numbered, sameKey } from './sql-text.ts';

/** Names of the columns that every offline table has beside the source's fields. */
export const offlineColumns = {
  partition: '__partition',
  offset: '__offset',
  timeMs: '__time_ms',
  /** When the record became known, at least its event time. */
  knownMs: '__known_ms',
} as const;

/** One view of a plan as the query reads it. */
export interface BoundSql {
  /** Number of the binding; all its relations end in it. */
  readonly index: number;
  readonly planned: PlannedView;
  /** SQL of the source's history. */
  readonly relation: string;
  /** Whether events count only from when they became known; otherwise from when they happened. */
  readonly isBitemporal: boolean;
  readonly earliestMs: number | undefined;
}

function keyColumn(key: KeyOrigin, part: number): string {
  return `${key.kind === 'request' ? `s.${quoted(key.field)}` : `v${key.binding}.f${key.feature}`} AS k${part}`;
}

/** `k<i>`: row, moment `t` and key parts of every row of the spine that has all of them. */
export function keysSql({ index, planned: { keys } }: BoundSql): string {
  const views = [...new Set(keys.flatMap((key) => (key.kind === 'view' ? [key.binding] : [])))];
  const joins = views.map((binding) => ` JOIN v${binding} USING (__row)`).join('');
  const parts = keys.map((key, part) => `, ${keyColumn(key, part)}`).join('');
  const present = numbered(keys.length, 'k').map((key) => `${key} IS NOT NULL`);
  return (
    `k${index} AS MATERIALIZED (SELECT * FROM (SELECT s.__row, s.__as_of_ms AS t${parts} FROM spine s${joins}) ` +
    `WHERE ${present.join(' AND ')})`
  );
}

/**
 * `r<i>`: the events as the query reads them, and `e<i>`: those of the entities that are asked for. What joins by the key anyway takes `r<i>`,
 * since looking twice whether an entity is asked for costs as much as the join itself. Key parts, `et`, `kt`, `vt` (from when they count), `p`, `o`,
 * columns `c<n>`.
 */
export function eventsSql({ index, planned: { view }, relation, isBitemporal, earliestMs }: BoundSql): string[] {
  const { partition, offset, timeMs, knownMs } = offlineColumns;
  const fields = view.entity.map(({ name }) => `r.${quoted(name)}`);
  const keys = fields.map((field, part) => `${field} AS k${part}`);
  const columns = view.columns.map(({ name }, column) => `r.${quoted(name)} AS c${column}`);
  const times = [`r.${timeMs} AS et`, `r.${knownMs} AS kt`, `r.${isBitemporal ? knownMs : timeMs} AS vt`];
  const selected = [...keys, ...times, `r.${partition} AS p`, `r.${offset} AS o`, ...columns];
  const reachMs = Math.max(view.ttlMs, view.longestWindowMs + view.hopMs);
  const bounds = [`r.${timeMs} <= (SELECT max(t) FROM k${index})`];
  if (earliestMs !== undefined) bounds.push(`r.${timeMs} >= ${earliestMs - reachMs}`);
  return [
    `r${index} AS NOT MATERIALIZED (SELECT ${selected.join(', ')} FROM ${relation} r WHERE ${bounds.join(' AND ')})`,
    `e${index} AS NOT MATERIALIZED (SELECT * FROM r${index} r SEMI JOIN k${index} k ON ${sameKey(view.entity.length, 'r', 'k')})`,
  ];
}

/**
 * `n<i>`: for every row that has one the event time `et` of its newest event, and as `c` what that event's columns are. The newest event by
 * event time is looked for first. Where it became known only after the moment, which is rare unless history was filled in
 * later, the newest of those that were known is a step function of when they became known: the running maximum.
 */
export function newestSql(bound: BoundSql): string[] {
  const { index: i, planned, isBitemporal } = bound;
  const parts = planned.view.entity.length;
  const keys = numbered(parts, 'k').join(', ');
  const needsColumns = planned.view.kind === 'columns';
  const columns = planned.wanted.map((column) => `c${column} := x.c${column}`).join(', ');
  const packed = needsColumns && columns !== '' ? `struct_pack(${columns})` : 'NULL';
  const asked = `(SELECT * FROM k${i})`;
  const newest =
    `a${i} AS MATERIALIZED (SELECT k.*, x.et FROM ${asked} k ASOF JOIN (SELECT ${keys}, et FROM e${i}) x ` +
    `ON ${sameKey(parts, 'k', 'x')} AND k.t >= x.et)`;
  const known = isBitemporal ? ' AND x.kt <= a.t' : '';
  const values =
    `SELECT a.__row, a.t, a.et, arg_max(${packed}, (x.kt, x.p, x.o)) AS c FROM a${i} a JOIN r${i} x ` +
    `ON ${sameKey(parts, 'a', 'x')} AND x.et = a.et${known} GROUP BY a.__row, a.t, a.et`;
  if (!isBitemporal && !needsColumns) return [newest, `n${i} AS (SELECT __row, t, et, NULL AS c FROM a${i})`];
  if (!isBitemporal) return [newest, `n${i} AS (${values})`];
  const running = `max(x.et) OVER (PARTITION BY ${keys} ORDER BY x.kt RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)`;
  return [
    newest,
    `b${i} AS MATERIALIZED (${values})`,
    `u${i} AS MATERIALIZED (SELECT a.* EXCLUDE (et) FROM a${i} a ANTI JOIN b${i} b USING (__row))`,
    `w${i} AS (SELECT ${keys}, kt, et, arg_max(c, (p, o)) AS c FROM (` +
      `SELECT ${numbered(parts, 'x.k').join(', ')}, x.kt, x.et, x.p, x.o, ${packed} AS c FROM r${i} x ` +
      `SEMI JOIN u${i} u ON ${sameKey(parts, 'x', 'u')} QUALIFY x.et = ${running}) GROUP BY ${keys}, kt, et)`,
    `n${i} AS (SELECT __row, t, et, c FROM b${i} UNION ALL SELECT u.__row, u.t, w.et, w.c FROM u${i} u ` +
      `ASOF JOIN w${i} w ON ${sameKey(parts, 'u', 'w')} AND u.t >= w.kt)`,
  ];
}
