import { FeatureError } from './error.ts';
import { onDemandSql } from './plan-functions.ts';
import type { InputOrigin, KeyOrigin, LookupPlan } from './plan.ts';
import { aggregatesSql } from './sql-aggregates.ts';
import { eventsSql, keysSql, newestSql, type BoundSql } from './sql-events.ts';
import { quoted } from './sql-text.ts';

export { offlineColumns } from './sql-events.ts';

/**
 * Which events a moment sees: `bitemporal`, those that were known then, as the online store does; `latest`, those that had happened by
 * then, also if they became known later.
 */
export type KnownPolicy = 'bitemporal' | 'latest';

/** What the query reads; all are SQL relations (a table name, or a query in parentheses). */
export interface PointInTimeInput {
  /** Rows to look up: `__row` BIGINT, unique; `__as_of_ms` BIGINT; the request fields that the plan uses by name, DOUBLE or VARCHAR. */
  readonly spine: string;
  /** Per source: `__partition`, `__offset`, `__time_ms`, `__known_ms` BIGINT and its fields, DOUBLE or VARCHAR. */
  readonly tables: ReadonlyMap<string, string>;
  /**
   * Earliest time that the spine asks for, epoch milliseconds. With it, events that can no longer matter to any value are not read;
   * a value that would be too old is then NOT_FOUND instead of OUTSIDE_MAX_AGE.
   */
  readonly earliestMs?: number;
  /** Default bitemporal. */
  readonly known?: KnownPolicy;
  /** Sources whose every record became known when it happened; what looks for late ones is left out. */
  readonly punctual?: ReadonlySet<string>;
}

function columnsSql({ index, planned: { view, wanted } }: BoundSql): string {
  const fresh = `n.et >= n.t - ${view.ttlMs}`;
  const values = wanted.map((column) => `, CASE WHEN ${fresh} THEN n.c.c${column} END AS f${column}`).join('');
  return `v${index} AS (SELECT n.__row, CASE WHEN ${fresh} THEN 1 ELSE 4 END AS st${values} FROM n${index} n)`;
}

function boundSql(plan: LookupPlan, index: number, input: PointInTimeInput): BoundSql | null {
  const planned = plan.bindings[index];
  if (planned === undefined) return null;
  const { name, source } = planned.view;
  const relation = input.tables.get(source);
  if (relation === undefined)
    throw new FeatureError('EVL_FEATURES_SOURCE_UNKNOWN', `View ${name}: there is no table of ${source}`);
  const isBitemporal = (input.known ?? 'bitemporal') === 'bitemporal' && input.punctual?.has(source) !== true;
  return { index, planned, relation, isBitemporal, earliestMs: input.earliestMs };
}

function originSql(origin: KeyOrigin): string {
  return origin.kind === 'request' ? `s.${quoted(origin.field)}` : `v${origin.binding}.f${origin.feature}`;
}

function inputSql(origin: InputOrigin): string {
  if (origin.kind !== 'onDemand') return originSql(origin);
  const { feature, from, takes } = origin;
  return onDemandSql(feature, takes, from.map(originSql));
}

/**
 * DuckDB SQL that computes a model's inputs for every row of the spine as of the row's time, with the same meaning as the online
 * lookup, to the bit. Result: `__row`, each input by its name, and `__status_<i>` per input (the numbers of `FeatureStatus`);
 * no order. A list is its JSON text. The database must know the functions that `planFunctions` gives. Only events of the entities that are asked for are sorted.
 */
export function pointInTimeSql(plan: LookupPlan, input: PointInTimeInput): string {
  const parts = [`spine AS (SELECT * FROM ${input.spine})`];
  plan.bindings.forEach((_, index) => {
    const bound = boundSql(plan, index, input);
    if (bound === null) return;
    parts.push(keysSql(bound), ...eventsSql(bound), ...newestSql(bound));
    if (bound.planned.view.kind === 'columns') parts.push(columnsSql(bound));
    else parts.push(...aggregatesSql(bound));
  });
  const outputs = plan.inputs.map(({ name, origin }, index) => {
    const value = inputSql(origin);
    const status = origin.kind === 'view' ? `coalesce(v${origin.binding}.st, 3)` : '1';
    const nullable = `CASE WHEN ${status} = 1 AND ${value} IS NULL THEN 2 ELSE ${status} END`;
    return `, ${value} AS ${quoted(name)}, ${nullable} AS __status_${index}`;
  });
  const joins = plan.bindings.map((_, index) => ` LEFT JOIN v${index} USING (__row)`).join('');
  return `WITH ${parts.join(',\n')}\nSELECT __row${outputs.join('')} FROM spine s${joins}`;
}
