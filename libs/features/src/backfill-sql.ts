import { FeatureError } from './error.ts';
import { sparkQuoted } from './spark-sql.ts';
import { quoted } from './sql-text.ts';
import type { CompiledView } from './views.ts';

/** Rows of a backfill: every entity of a view at every hop of [fromMs, untilMs). */
export interface BackfillRange {
  readonly fromMs: number;
  readonly untilMs: number;
}

/**
 * A query for the rows at which a view is computed when it is filled from history: each entity at each hop boundary, as `__row`, `__as_of_ms` and
 * the entity under the names of its fields. `dialect` decides how a series is written; the rows and their numbers are the same in both.
 */
export function backfillRowsSql(
  dialect: 'duckdb' | 'spark',
  view: CompiledView,
  relation: string,
  range: BackfillRange,
): string {
  const fields = view.entity.map(({ name }) => (dialect === 'spark' ? sparkQuoted(name) : quoted(name)));
  const entity = fields.join(', ');
  const first = Math.ceil(range.fromMs / view.hopMs) * view.hopMs;
  if (!(view.hopMs > 0) || first >= range.untilMs) {
    throw new FeatureError(
      'EVL_FEATURES_BACKFILL_INVALID',
      `View ${view.name}: a backfill needs aggregations with a hop, and a range that holds at least one of its boundaries`,
    );
  }
  const series =
    dialect === 'spark'
      ? `explode(sequence(${first}, ${range.untilMs - 1}, ${view.hopMs}))`
      : `unnest(range(${first}, ${range.untilMs}, ${view.hopMs}))`;
  return (
    `(SELECT CAST(row_number() OVER (ORDER BY __as_of_ms, ${entity}) AS BIGINT) AS __row, CAST(__as_of_ms AS BIGINT) AS __as_of_ms, ${entity} FROM ` +
    `(SELECT ${series} AS __as_of_ms, ${entity} FROM (SELECT DISTINCT ${entity} FROM ${relation} WHERE ${fields.map((field) => `${field} IS NOT NULL`).join(' AND ')}) AS entities) AS asked)`
  );
}
