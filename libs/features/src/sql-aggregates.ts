import type { BoundSql } from './sql-events.ts';
import {
  additiveSql,
  bucketSql,
  estimateSql,
  isAdditive,
  literal,
  quantileSql,
  registerSql,
  unitsSql,
} from './sql-functions.ts';
import { listTextSql } from './plan-functions.ts';
import { hopStart, numbered, sameKey } from './sql-text.ts';
import { storageType, unitsPerOne } from './values.ts';
import type { CompiledView, ViewFeature } from './views.ts';

interface WantedFeature {
  readonly index: number;
  readonly feature: ViewFeature;
}

/** Whether a column is a number. */
function isNumber(view: CompiledView, column: number): boolean {
  const type = view.columns[column]?.type;
  return type !== undefined && storageType(type) === 'number';
}

function units(view: CompiledView, column: number, from: string): string {
  return unitsSql(`${from}.c${column}`, unitsPerOne(view.columns[column]?.type ?? 'number'));
}

/** Columns that additive features need. */
function additiveColumns(wanted: readonly WantedFeature[]): number[] {
  const columns = wanted.filter(({ feature }) => isAdditive(feature) && feature.column >= 0);
  return [...new Set(columns.map(({ feature }) => feature.column))].sort((a, b) => a - b);
}

const stems = ['n', 's', 'q', 'l', 'h'] as const;

/** Per column what one event adds: count, sum, squares, smallest, largest. */
function eventParts(view: CompiledView, column: number, from: string): string[] {
  if (!isNumber(view, column))
    return [`CAST(${from}.c${column} IS NOT NULL AS BIGINT)`, 'NULL::HUGEINT', 'NULL::HUGEINT', 'NULL', 'NULL'];
  const unit = `${from}.u${column}`;
  const value = `CASE WHEN ${unit} IS NOT NULL THEN ${from}.c${column} END`;
  const wide = `CAST(${unit} AS HUGEINT)`;
  const squares = view.columns[column]?.kept.squares === true ? `${wide} * ${wide}` : 'NULL::HUGEINT';
  return [`CAST(${unit} IS NOT NULL AS BIGINT)`, wide, squares, value, value];
}

const folds = ['sum', 'sum', 'sum', 'min', 'max'] as const;

/** Totals of parts that are named `n<i>`, `s<i>`, … */
function folded(columns: readonly number[], from: string): string {
  const parts = columns.flatMap((column) =>
    stems.map((stem, at) => `, ${folds[at]}(${from}.${stem}${column}) AS ${stem}${column}`),
  );
  return `sum(${from}.n) AS n${parts.join('')}`;
}

/** `t<i>`: per entity, hop of event time and hop of the moment from which events count, what the additive functions need. */
function tilesSql({ index, planned: { view } }: BoundSql, columns: readonly number[]): string[] {
  const keys = numbered(view.entity.length, 'k').join(', ');
  const parts = columns.flatMap((column) =>
    eventParts(view, column, 'x').map((part, at) => `, ${part} AS ${stems[at]}${column}`),
  );
  const unit = columns
    .filter((column) => isNumber(view, column))
    .map((column) => `, ${units(view, column, 'y')} AS u${column}`);
  return [
    `m${index} AS NOT MATERIALIZED (SELECT ${keys}, x.et, x.vt, 1::BIGINT AS n${parts.join('')} FROM (SELECT y.*${unit.join('')} FROM e${index} y) x)`,
    `t${index} AS MATERIALIZED (SELECT ${keys}, ${hopStart('z.et', view.hopMs)} AS es, ${hopStart('z.vt', view.hopMs)} AS ks, ` +
      `${folded(columns, 'z')} FROM m${index} z GROUP BY ALL)`,
  ];
}

/** `x<i>_<w>`: each asked row with its window, once for each stretch of the window's length that the window touches. */
function windowSql({ index, planned: { view } }: BoundSql, windowMs: number, name: string): string {
  const reach = windowMs + view.hopMs;
  const from = hopStart(`(k.t - ${windowMs})`, view.hopMs);
  const rows = `(SELECT k.*, ${from} AS f, ${hopStart('k.t', view.hopMs)} AS h FROM k${index} k)`;
  const stretch = (time: string): string => `CAST(floor(${time} / ${reach}) AS BIGINT)`;
  return (
    `${name} AS MATERIALIZED (SELECT *, ${stretch('f')} AS b FROM ${rows} UNION ALL ` +
    `SELECT *, ${stretch('t')} AS b FROM ${rows} WHERE ${stretch('t')} <> ${stretch('f')})`
  );
}

/** Totals of one window by row: whole tiles, and the single events of the hop in which the moment lies. */
function totalsSql(
  bound: BoundSql,
  windowMs: number,
  columns: readonly number[],
  names: { x: string; y: string },
): string {
  const { index, planned } = bound;
  const { view } = planned;
  const reach = windowMs + view.hopMs;
  const parts = ['n', ...columns.flatMap((column) => stems.map((stem) => `${stem}${column}`))];
  const of = (from: string): string => parts.map((part) => `${from}.${part}`).join(', ');
  const same = (from: string): string => sameKey(view.entity.length, 'x', from);
  const stretch = (time: string): string => `CAST(floor(${time} / ${reach}) AS BIGINT) = x.b AND ${time} >= x.f`;
  return (
    `${names.y} AS (SELECT a.__row, ${folded(columns, 'a')} FROM (` +
    `SELECT x.__row, ${of('t')} FROM ${names.x} x JOIN t${index} t ON ${same('t')} AND ${stretch('t.es')} AND t.ks < x.h ` +
    `UNION ALL SELECT x.__row, ${of('m')} FROM ${names.x} x JOIN m${index} m ON ${same('m')} AND ${stretch('m.et')} ` +
    `AND ${hopStart('m.vt', view.hopMs)} = x.h AND m.vt <= x.t) a GROUP BY a.__row)`
  );
}

const newestFirst = 'e.et DESC, e.kt DESC, e.p DESC, e.o DESC';

/** What a function that needs the single events of its window gathers of them. */
function gatheredSql(view: CompiledView, { feature }: WantedFeature): string {
  const value = `e.c${feature.column}`;
  const present = `FILTER (WHERE ${value} IS NOT NULL)`;
  if (feature.function === 'last') return `arg_max(${value}, (e.et, e.kt, e.p, e.o)) ${present}`;
  if (feature.function === 'lastK') return `list(${value} ORDER BY ${newestFirst}) ${present}`;
  const bucket = bucketSql(units(view, feature.column, 'e'));
  return `list(${bucket} ORDER BY ${bucket}) FILTER (WHERE ${units(view, feature.column, 'e')} IS NOT NULL)`;
}

function gatheredValue(view: CompiledView, feature: ViewFeature, gathered: string): string {
  if (feature.function === 'lastK') return listTextSql(`coalesce(${gathered}[1:${feature.k}], [])`);
  if (feature.function !== 'quantile') return gathered;
  const scale = unitsPerOne(view.columns[feature.column]?.type ?? 'number');
  return `(${quantileSql(gathered, feature.quantile)}) / ${literal(scale)}`;
}

/** The join of the asked rows of a window with its single events. */
function windowEvents({ index, planned: { view } }: BoundSql, windowMs: number, x: string): string {
  const reach = windowMs + view.hopMs;
  return (
    `${x} x JOIN e${index} e ON ${sameKey(view.entity.length, 'x', 'e')} AND CAST(floor(e.et / ${reach}) AS BIGINT) = x.b ` +
    `AND e.et >= x.f AND e.vt <= x.t`
  );
}

/** Registers of one feature of one window by row: how many are used, and their sum. */
function registersSql(bound: BoundSql, { feature }: WantedFeature, x: string, name: string): string {
  const { view } = bound.planned;
  const column = view.columns[feature.column];
  if (column === undefined) return `${name} AS (SELECT 0 AS __row, 0 AS used, 0 AS total WHERE false)`;
  const value = `e.c${feature.column}`;
  const unit = units(view, feature.column, 'e');
  const { register, rank } = registerSql(column, value, unit);
  const present = isNumber(view, feature.column) ? unit : value;
  return (
    `${name} AS (SELECT __row, count(*) AS used, sum(1::BIGINT << (42 - rank)) AS total FROM (` +
    `SELECT x.__row, ${register} AS register, max(${rank}) AS rank FROM ${windowEvents(bound, feature.windowMs, x)} ` +
    `WHERE (${present}) IS NOT NULL GROUP BY ALL) GROUP BY __row)`
  );
}

/**
 * `v<i>` of an aggregating view: by row its status and the value of each wanted feature. Work is in proportion to the tiles, and for `last`,
 * `lastK`, `approxDistinct` and `quantile` to the events, of all asked windows together.
 */
export function aggregatesSql(bound: BoundSql): string[] {
  const { index, planned } = bound;
  const { view } = planned;
  const wanted = planned.wanted.flatMap((at): WantedFeature[] => {
    const feature = view.features[at];
    return feature === undefined ? [] : [{ index: at, feature }];
  });
  const windows = [...new Set(wanted.map(({ feature }) => feature.windowMs))];
  const relations: string[] = [];
  const joins: string[] = [];
  const values: string[] = [];
  const columns = additiveColumns(wanted);
  if (wanted.some(({ feature }) => isAdditive(feature))) relations.push(...tilesSql(bound, columns));
  windows.forEach((windowMs, at) => {
    const [x, y, z] = [`x${index}_${at}`, `y${index}_${at}`, `z${index}_${at}`];
    const mine = wanted.filter(({ feature }) => feature.windowMs === windowMs);
    relations.push(windowSql(bound, windowMs, x));
    const additive = mine.filter(({ feature }) => isAdditive(feature));
    if (additive.length > 0) {
      relations.push(totalsSql(bound, windowMs, columns, { x, y }));
      joins.push(` LEFT JOIN ${y} USING (__row)`);
      for (const { index: f, feature } of additive)
        values.push(`${additiveSql(feature, view.columns[feature.column], y)} AS f${f}`);
    }
    const gathered = mine.filter(({ feature }) => !isAdditive(feature) && feature.function !== 'approxDistinct');
    if (gathered.length > 0) {
      const lists = gathered.map((each) => `, ${gatheredSql(view, each)} AS g${each.index}`).join('');
      relations.push(`${z} AS (SELECT x.__row${lists} FROM ${windowEvents(bound, windowMs, x)} GROUP BY x.__row)`);
      joins.push(` LEFT JOIN ${z} USING (__row)`);
      for (const { index: f, feature } of gathered)
        values.push(`${gatheredValue(view, feature, `${z}.g${f}`)} AS f${f}`);
    }
    for (const each of mine.filter(({ feature }) => feature.function === 'approxDistinct')) {
      const d = `d${index}_${each.index}`;
      relations.push(registersSql(bound, each, x, d));
      joins.push(` LEFT JOIN ${d} USING (__row)`);
      values.push(`${estimateSql(`coalesce(${d}.used, 0)`, `coalesce(${d}.total, 0)`)} AS f${each.index}`);
    }
  });
  const fresh = `n.et >= n.t - ${view.ttlMs}`;
  const shown = wanted.map(({ index: f }) => `, CASE WHEN st = 1 THEN f${f} END AS f${f}`).join('');
  const computed = values.map((value) => `, ${value}`).join('');
  relations.push(
    `v${index} AS (SELECT __row, st${shown} FROM (SELECT n.__row, CASE WHEN ${fresh} THEN 1 ELSE 4 END AS st${computed} ` +
      `FROM n${index} n${joins.join('')}))`,
  );
  return relations;
}
