import { FeatureError } from './error.ts';
import type { KeyOrigin, LookupPlan, PlannedView } from './plan.ts';
import type { CompiledView, ViewFeature } from './views.ts';

/** Names of the columns that every offline table has beside the source's fields. */
export const offlineColumns = {
  partition: '__partition',
  offset: '__offset',
  timeMs: '__time_ms',
  /** When the record became known, at least its event time. */
  knownMs: '__known_ms',
} as const;

/** What the query reads; both are SQL relations (a table name, or a query in parentheses). */
export interface PointInTimeInput {
  /** Rows to look up: `__row` BIGINT, unique; `__as_of_ms` BIGINT; the request fields that the plan uses by name, DOUBLE or VARCHAR. */
  readonly spine: string;
  /** Per source: `__partition`, `__offset`, `__time_ms` BIGINT and its fields, DOUBLE or VARCHAR. */
  readonly tables: ReadonlyMap<string, string>;
  /**
   * Earliest time that the spine asks for, epoch milliseconds. With it, events that can no longer matter to any value are not read;
   * a value that would be too old is then NOT_FOUND instead of OUTSIDE_MAX_AGE.
   */
  readonly earliestMs?: number;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function eventsSql(view: CompiledView, relation: string, earliestMs: number | undefined): string {
  const { partition, offset, timeMs } = offlineColumns;
  const key = quoted(view.entity);
  const reachMs = Math.max(view.ttlMs, view.longestWindowMs + view.hopMs);
  const where = `${key} IS NOT NULL${earliestMs === undefined ? '' : ` AND ${timeMs} >= ${earliestMs - reachMs}`}`;
  if (view.kind === 'columns') {
    const columns = view.columns.map((column, index) => `, ${quoted(column.name)} AS c${index}`).join('');
    return (
      `SELECT ${key} AS k, ${timeMs} AS et${columns} FROM ${relation} WHERE ${where} ` +
      `QUALIFY row_number() OVER (PARTITION BY ${key}, ${timeMs} ORDER BY ${partition} DESC, ${offset} DESC) = 1`
    );
  }
  const sums = view.columns.map((column, index) => {
    const scaled = `floor(${quoted(column.name)} * 1e6 + 0.5)`;
    const fits = `abs(${scaled}) < 9007199254740992`;
    return `, count(*) FILTER (${fits}) AS n${index}, coalesce(sum(TRY_CAST(${scaled} AS BIGINT)) FILTER (${fits}), 0) AS s${index}`;
  });
  const running = view.columns.map(
    (_, index) => `, sum(n${index}) OVER w AS n${index}, sum(s${index}) OVER w AS s${index}`,
  );
  return (
    `SELECT k, et, sum(n) OVER w AS n${running.join('')} FROM (` +
    `SELECT ${key} AS k, ${timeMs} AS et, count(*) AS n${sums.join('')} FROM ${relation} WHERE ${where} GROUP BY 1, 2` +
    `) WINDOW w AS (PARTITION BY k ORDER BY et)`
  );
}

/** The value of one aggregate from the running sums up to the moment (`e`) and before the window (`b<i>`). */
function aggregateSql(feature: ViewFeature, before: number): string {
  const count = feature.column < 0 ? 'n' : `n${feature.column}`;
  const counted = `CAST(e.${count} - coalesce(b${before}.${count}, 0) AS DOUBLE)`;
  if (feature.function === 'count') return counted;
  const sum = `CAST(e.s${feature.column} - coalesce(b${before}.s${feature.column}, 0) AS DOUBLE) / 1e6`;
  return feature.function === 'sum' ? sum : `${sum} / nullif(${counted}, 0)`;
}

function viewSql(planned: PlannedView, index: number, keys: string): string {
  const { view, wanted } = planned;
  const fresh = `e.et >= k.t - ${view.ttlMs}`;
  const status = `CASE WHEN e.et IS NULL THEN 3 WHEN ${fresh} THEN 1 ELSE 4 END AS st`;
  const asOf = `FROM (${keys}) k ASOF LEFT JOIN e${index} e ON k.k = e.k AND k.t >= e.et`;
  if (view.kind === 'columns') {
    const values = wanted.map((feature) => `, CASE WHEN ${fresh} THEN e.c${feature} END AS f${feature}`).join('');
    return `SELECT k.__row, ${status}${values} ${asOf}`;
  }
  const windows = [...new Set(wanted.map((feature) => view.features[feature]?.windowMs ?? 0))];
  const starts = windows.map((windowMs) => `CAST(floor((t - ${windowMs}) / ${view.hopMs}) AS BIGINT) * ${view.hopMs}`);
  const joins = windows
    .map((_, at) => ` ASOF LEFT JOIN e${index} b${at} ON k.k = b${at}.k AND k.w${at} > b${at}.et`)
    .join('');
  const values = wanted.map((feature) => {
    const definition = view.features[feature];
    if (definition === undefined)
      throw new FeatureError('EVL_FEATURES_PLAN_INVALID', `View ${view.name}: no feature ${feature}`);
    return `, CASE WHEN ${fresh} THEN ${aggregateSql(definition, windows.indexOf(definition.windowMs))} END AS f${feature}`;
  });
  const withStarts = `SELECT *${starts.map((start, at) => `, ${start} AS w${at}`).join('')} FROM (${keys})`;
  return `SELECT k.__row, ${status}${values.join('')} ${asOf.replace(`(${keys})`, `(${withStarts})`)}${joins}`;
}

function keysSql(key: KeyOrigin): string {
  if (key.kind === 'request') return `SELECT __row, __as_of_ms AS t, ${quoted(key.field)} AS k FROM spine`;
  return `SELECT s.__row, s.__as_of_ms AS t, v.f${key.feature} AS k FROM spine s JOIN v${key.binding} v USING (__row)`;
}

/**
 * DuckDB SQL that computes a model's inputs for every row of the spine as of the row's time, with the same meaning as the online
 * lookup, to the bit. Result: `__row`, each input by its name, and `__status_<i>` per input (the numbers of `FeatureStatus`);
 * no order. O((events + rows) log events).
 */
export function pointInTimeSql(plan: LookupPlan, input: PointInTimeInput): string {
  const parts = [`spine AS (SELECT * FROM ${input.spine})`];
  plan.bindings.forEach((planned, index) => {
    const relation = input.tables.get(planned.view.source);
    if (relation === undefined) {
      throw new FeatureError(
        'EVL_FEATURES_SOURCE_UNKNOWN',
        `View ${planned.view.name}: there is no table of ${planned.view.source}`,
      );
    }
    parts.push(`e${index} AS (${eventsSql(planned.view, relation, input.earliestMs)})`);
    parts.push(`v${index} AS (${viewSql(planned, index, keysSql(planned.key))})`);
  });
  const outputs = plan.inputs.map(({ name, origin }, index) => {
    const value = origin.kind === 'request' ? `s.${quoted(origin.field)}` : `v${origin.binding}.f${origin.feature}`;
    const status = origin.kind === 'request' ? '1' : `v${origin.binding}.st`;
    const nullable = `CASE WHEN ${status} = 1 AND ${value} IS NULL THEN 2 ELSE ${status} END`;
    return `, ${value} AS ${quoted(name)}, ${nullable} AS __status_${index}`;
  });
  const joins = plan.bindings.map((_, index) => ` JOIN v${index} USING (__row)`).join('');
  return `WITH ${parts.join(',\n')}\nSELECT __row${outputs.join('')} FROM spine s${joins}`;
}
