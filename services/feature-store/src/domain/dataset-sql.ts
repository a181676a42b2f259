import type { ModelSpec } from '@everloop/contracts';
import { offlineColumns } from '@everloop/features';
import { notExcludedSql, type ExcludedRange } from './exclude-sql.ts';

const { partition, offset, timeMs, knownMs } = offlineColumns;

/** The column that must lie before `asOfMs`: when a record became known, or only when it happened. */
function cut(known: 'bitemporal' | 'latest' | undefined): string {
  return known === 'latest' ? timeMs : knownMs;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * One row per join key: the label as it first came, or last where the Model says so, of labels that were known before `asOfMs`. Columns `k`, `y` (1 where the
 * field is above the threshold, else 0; the field itself without one), `t` (event time of the label).
 */
export function labelsSql(spec: ModelSpec, labels: string, asOfMs: number, known?: 'bitemporal' | 'latest'): string {
  const key = quoted(spec.label.key);
  const field = quoted(spec.label.field);
  const { above } = spec.label;
  const value = above === undefined ? field : `${field} > ${above}`;
  const direction = spec.label.conflict === 'last' ? ' DESC' : '';
  const order = [timeMs, partition, offset].map((column) => column + direction).join(', ');
  return (
    `SELECT ${key} AS k, CAST(${value} AS DOUBLE) AS y, ${timeMs} AS t FROM ${labels} ` +
    `WHERE ${key} IS NOT NULL AND ${field} IS NOT NULL AND ${cut(known)} < ${asOfMs} ` +
    `QUALIFY row_number() OVER (PARTITION BY ${key} ORDER BY ${order}) = 1`
  );
}

/** Range of prediction times and the time as of which is known what is known, epoch milliseconds; from inclusive, others exclusive. */
export interface ExampleRange {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly asOfMs: number;
  /** Left out: what has its prediction time, its own event time or that of its label in one of them. */
  readonly exclude?: readonly ExcludedRange[];
  /** Default bitemporal. */
  readonly known?: 'bitemporal' | 'latest';
  /** Field of the examples that the split hashes. */
  readonly groupColumn?: string | null;
}

/**
 * The labelled examples: `__row` 1..n in the canonical order (prediction time, join key, then as they came), `__as_of_ms` the
 * prediction time, `__key`, `__label`, `__group` where the range has a column for it, and the request fields by name.
 */
export function examplesSql(
  spec: ModelSpec,
  tables: { readonly examples: string; readonly labels: string },
  range: ExampleRange,
): string {
  const time = `CAST(floor(${quoted(spec.examples.time)}) AS BIGINT) + ${spec.examples.offsetMs}`;
  const fields = spec.request.map(({ name }) => `, ${quoted(name)}`).join('');
  const key = quoted(spec.joinKey);
  const { groupColumn = null } = range;
  const group = groupColumn === null ? '' : `, CAST(${quoted(groupColumn)} AS VARCHAR) AS __group`;
  return (
    `SELECT row_number() OVER (ORDER BY x.__as_of_ms, x.__key, x.${partition}, x.${offset}) AS __row, x.__as_of_ms, x.__key, l.y AS __label${group === '' ? '' : ', x.__group'}${spec.request
      .map(({ name }) => `, x.${quoted(name)}`)
      .join('')} ` +
    `FROM (SELECT ${time} AS __as_of_ms, ${key} AS __key, ${partition}, ${offset}, ${timeMs}${fields}${group} FROM ${tables.examples} ` +
    `WHERE ${key} IS NOT NULL AND ${cut(range.known)} < ${range.asOfMs}) x ` +
    `JOIN (${labelsSql(spec, tables.labels, range.asOfMs, range.known)}) l ON l.k = x.__key ` +
    `WHERE x.__as_of_ms >= ${range.fromMs} AND x.__as_of_ms < ${Math.min(range.untilMs, range.asOfMs)}` +
    notExcludedSql(['x.__as_of_ms', `x.${timeMs}`, 'l.t'], range.exclude ?? [])
  );
}

/** Number of examples that have a label that was known before `asOfMs`, without the excluded ones. */
export function countLabelsSql(
  spec: ModelSpec,
  tables: { readonly examples: string; readonly labels: string },
  asOfMs: number,
  exclude: readonly ExcludedRange[] = [],
): string {
  const key = quoted(spec.label.key);
  const join = quoted(spec.joinKey);
  const predicted = `CAST(floor(${quoted(spec.examples.time)}) AS BIGINT) + ${spec.examples.offsetMs}`;
  if (exclude.length > 0)
    return (
      `SELECT count(*) AS n FROM (SELECT ${join} AS k, ${predicted} AS p, ${timeMs} AS e FROM ${tables.examples} ` +
      `WHERE ${join} IS NOT NULL AND ${knownMs} < ${asOfMs}) x ` +
      `JOIN (${labelsSql(spec, tables.labels, asOfMs)}) l ON l.k = x.k WHERE true${notExcludedSql(['x.p', 'x.e', 'l.t'], exclude)}`
    );
  return (
    `SELECT count(*) AS n FROM (SELECT ${join} AS k FROM ${tables.examples} WHERE ${knownMs} < ${asOfMs}) e SEMI JOIN ` +
    `(SELECT ${key} AS k FROM ${tables.labels} WHERE ${quoted(spec.label.field)} IS NOT NULL AND ${knownMs} < ${asOfMs}) l ON e.k = l.k`
  );
}
