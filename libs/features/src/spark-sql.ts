import { FeatureError } from './error.ts';
import type { KnownPolicy } from './pit-sql.ts';
import type { KeyOrigin, LookupPlan, PlannedInput, PlannedView } from './plan.ts';
import {
  isWindowFeature,
  ofNothing,
  sparkDistinctBits,
  sparkEstimate,
  sparkRank,
  sparkSteps,
  sparkUnits,
} from './spark-functions.ts';
import type { SparkInput } from './spark-finish.ts';
import { offlineColumns } from './sql-events.ts';
import { registerCount } from './distinct.ts';
import { numbered } from './sql-text.ts';
import { storageType } from './values.ts';
import type { CompiledView, ViewFeature } from './views.ts';

/** What the query reads; tables and temporary views of the Spark session, by name. */
export interface SparkPointInTimeInput {
  /** Rows to look up: `__row` BIGINT, unique; `__as_of_ms` BIGINT; the request fields that the plan uses by name, DOUBLE or STRING. */
  readonly spine: string;
  /** Per source: `__partition`, `__offset`, `__time_ms`, `__known_ms` and its fields, DOUBLE or STRING. */
  readonly tables: ReadonlyMap<string, string>;
  /** Begins the names of the views that the query needs; different for each query of a session. */
  readonly prefix: string;
  readonly known: KnownPolicy;
}

/** A temporary view that has to be made before what comes after it. */
export interface SparkView {
  readonly name: string;
  readonly sql: string;
  /** As many rows as are looked up, and read several times: worth keeping in the session's cache. */
  readonly kept: boolean;
}

export interface SparkQuery {
  /** In the order in which they have to be made. */
  readonly views: readonly SparkView[];
  readonly sql: string;
  /** Parallel to the plan's inputs: how each comes out of the answer. */
  readonly inputs: readonly SparkInput[];
}

/** SQL identifier in backquotes. */
export function sparkQuoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** One view of the plan as the query reads it; names its relations. */
class Binding {
  readonly planned: PlannedView;
  readonly #index: number;
  readonly #prefix: string;

  constructor(planned: PlannedView, index: number, prefix: string) {
    this.planned = planned;
    this.#index = index;
    this.#prefix = prefix;
  }

  get view(): CompiledView {
    return this.planned.view;
  }

  /** Columns of the entity's key. */
  get keys(): string[] {
    return numbered(this.view.entity.length, 'k');
  }

  /** Window lengths that are asked for, milliseconds. */
  get windows(): number[] {
    return [...new Set(this.features.map(({ feature }) => feature.windowMs))];
  }

  get features(): readonly { readonly at: number; readonly feature: ViewFeature }[] {
    return this.planned.wanted.flatMap((at) => {
      const feature = this.view.features[at];
      return feature === undefined ? [] : [{ at, feature }];
    });
  }

  name(stem: string, ...numbers: readonly number[]): string {
    return `${this.#prefix}${[`${stem}${this.#index}`, ...numbers].join('_')}`;
  }
}

function keysSql(bound: Binding, spine: string, bindings: readonly Binding[]): string {
  const origins = bound.planned.keys;
  const views = [...new Set(origins.flatMap((key) => (key.kind === 'view' ? [key.binding] : [])))];
  const joins = views.map(
    (binding) => ` JOIN ${bindings[binding]?.name('v') ?? ''} v${binding} ON v${binding}.__row = s.__row`,
  );
  const parts = origins.map((key, part) => `, ${originSql(key)} AS k${part}`).join('');
  const present = bound.keys.map((key) => `${key} IS NOT NULL`).join(' AND ');
  return `SELECT * FROM (SELECT s.__row, s.__as_of_ms AS t${parts} FROM ${sparkQuoted(spine)} s${joins.join('')}) AS asked WHERE ${present}`;
}

/** Events of a view. Where keys are request fields, those of other entities are left out before anything is exchanged. */
function eventsSql(bound: Binding, table: string, known: KnownPolicy): string {
  const { partition, offset, timeMs, knownMs } = offlineColumns;
  const { view, planned } = bound;
  const fields = view.entity.map(({ name }) => `r.${sparkQuoted(name)}`);
  const keys = fields.map((field, part) => `${field} AS k${part}, `).join('');
  const columns = view.columns
    .map((column, at) => {
      const value = `r.${sparkQuoted(column.name)}`;
      const isSummed = view.kind === 'aggregate' && storageType(column.type) === 'number';
      return `, ${value} AS c${at}${isSummed ? `, ${sparkUnits(column, value)} AS u${at}` : ''}`;
    })
    .join('');
  const since = `r.${known === 'bitemporal' ? knownMs : timeMs} AS since`;
  const rank = `named_struct('et', r.${timeMs}, 'known', r.${knownMs}, 'p', r.${partition}, 'o', r.${offset}) AS rank`;
  const isDirect = planned.keys.every((key) => key.kind === 'request');
  const same = fields.map((field, part) => `${field} = k.k${part}`).join(' AND ');
  const filter = isDirect
    ? ` LEFT SEMI JOIN ${bound.name('k')} k ON ${same}`
    : ` WHERE ${fields.map((field) => `${field} IS NOT NULL`).join(' AND ')}`;
  return `SELECT ${keys}r.${timeMs} AS et, ${since}, ${rank}${columns} FROM ${sparkQuoted(table)} r${filter}`;
}

/**
 * Per row the event that is best as of the row's moment: of the events that count then, the newest. One pass in order of time over events and
 * rows together, so O((events + rows) log events) and one exchange, however often a key occurs.
 */
function newestSql(bound: Binding): string {
  const { view } = bound;
  const keys = bound.keys.join(', ');
  const columns = view.kind === 'columns' ? view.columns.map((_, at) => `, 'c${at}', c${at}`).join('') : '';
  return (
    `SELECT __row, ts AS t, ${keys}, best FROM (SELECT __row, ts, ${keys}, max(event) OVER (PARTITION BY ${keys} ORDER BY ts, __row NULLS FIRST ` +
    `ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS best FROM (` +
    `SELECT ${keys}, since AS ts, CAST(NULL AS BIGINT) AS __row, named_struct('rank', rank${columns}) AS event FROM ${bound.name('e')} ` +
    `UNION ALL SELECT ${keys}, t, __row, NULL FROM ${bound.name('k')}) AS both) AS ordered WHERE __row IS NOT NULL AND best IS NOT NULL`
  );
}

/**
 * The rows with the events of one window. Event times are cut into stretches as long as the longest window, so that a row meets only the events
 * of the one or two stretches that its window touches.
 */
function windowEvents(bound: Binding, windowMs: number): string {
  const { view, keys } = bound;
  const stretchMs = windowMs + view.hopMs;
  const start = `CAST(floor(CAST(t - ${windowMs} AS DOUBLE) / ${view.hopMs}D) AS BIGINT) * ${view.hopMs}`;
  const stretch = (time: string): string => `CAST(floor(CAST(${time} AS DOUBLE) / ${stretchMs}D) AS BIGINT)`;
  const named = keys.join(', ');
  return (
    `(SELECT __row, t, start, ${named}, explode(sequence(${stretch('start')}, ${stretch('t')})) AS stretch ` +
    `FROM (SELECT __row, t, ${named}, ${start} AS start FROM ${bound.name('n')}) AS started) AS asked ` +
    `JOIN (SELECT *, ${stretch('et')} AS stretch FROM ${bound.name('e')}) AS happened USING (${named}, stretch) ` +
    `WHERE et >= start AND et <= t AND since <= t`
  );
}

function columnsOf(columns: Readonly<Record<string, string>>): string {
  return Object.entries(columns)
    .map(([name, sql]) => `, ${sql} AS ${name}`)
    .join('');
}

function windowSql(bound: Binding, windowMs: number): string {
  const features = bound.features.flatMap(({ at, feature }) =>
    feature.windowMs === windowMs && isWindowFeature(feature) ? [{ at, ...sparkSteps(bound.view, feature, at) }] : [],
  );
  const gathered = Object.assign({}, ...features.map((feature) => feature.gathered)) as Record<string, string>;
  let sql = `SELECT __row${columnsOf(gathered)} FROM ${windowEvents(bound, windowMs)} GROUP BY __row`;
  const levels = Math.max(0, ...features.map((feature) => feature.levels.length));
  for (let level = 0; level < levels; level++) {
    const here = Object.assign({}, ...features.map((feature) => feature.levels[level] ?? {})) as Record<string, string>;
    sql = `SELECT *${columnsOf(here)} FROM (${sql}) AS level${level}`;
  }
  return `SELECT __row${features.map(({ at, value }) => `, ${value} AS f${at}`).join('')} FROM (${sql}) AS totals`;
}

function distinctSql(bound: Binding, feature: ViewFeature, at: number): string {
  const column = bound.view.columns[feature.column];
  if (column === undefined) throw new FeatureError('EVL_FEATURES_PLAN_INVALID', `${feature.name} has no column`);
  const bits = `SELECT __row, ${sparkDistinctBits(column, feature.column)} AS bits FROM ${windowEvents(bound, feature.windowMs)}`;
  const parts = `SELECT __row, bits % ${registerCount} AS register, bits div ${registerCount} AS rest FROM (${bits}) AS hashed WHERE bits IS NOT NULL`;
  const registers = `SELECT __row, register, max(${sparkRank('rest')}) AS top FROM (${parts}) AS parts GROUP BY __row, register`;
  const sums = `SELECT __row, count(*) AS used, sum(shiftleft(1L, CAST(42 - top AS INT))) AS total FROM (${registers}) AS registers GROUP BY __row`;
  return `SELECT __row, ${sparkEstimate('used', 'total')} AS f${at} FROM (${sums}) AS sums`;
}

function viewSql(bound: Binding): string {
  const { view, planned } = bound;
  const fresh = `n.best.rank.et >= n.t - ${view.ttlMs}`;
  const status = `CASE WHEN ${fresh} THEN 1 ELSE 4 END AS st`;
  if (view.kind === 'columns') {
    const values = planned.wanted.map((at) => `, CASE WHEN ${fresh} THEN n.best.c${at} END AS f${at}`).join('');
    return `SELECT n.__row, ${status}${values} FROM ${bound.name('n')} n`;
  }
  const joins = new Map<string, string>();
  const values = bound.features.map(({ at, feature }) => {
    const name =
      feature.function === 'approxDistinct'
        ? bound.name('d', at)
        : bound.name('a', bound.windows.indexOf(feature.windowMs));
    joins.set(name, ` LEFT JOIN ${name} ON ${name}.__row = n.__row`);
    return `, CASE WHEN ${fresh} THEN coalesce(${name}.f${at}, ${ofNothing(view, feature)}) END AS f${at}`;
  });
  return `SELECT n.__row, ${status}${values.join('')} FROM ${bound.name('n')} n${[...joins.values()].join('')}`;
}

function viewsOf(bound: Binding, bindings: readonly Binding[], input: SparkPointInTimeInput): SparkView[] {
  const { view } = bound;
  const table = input.tables.get(view.source);
  if (table === undefined) {
    throw new FeatureError('EVL_FEATURES_SOURCE_UNKNOWN', `View ${view.name}: there is no table of ${view.source}`);
  }
  const isAggregate = view.kind === 'aggregate';
  const made: SparkView[] = [
    { name: bound.name('k'), sql: keysSql(bound, input.spine, bindings), kept: false },
    { name: bound.name('e'), sql: eventsSql(bound, table, input.known), kept: false },
    { name: bound.name('n'), sql: newestSql(bound), kept: isAggregate },
  ];
  if (isAggregate) {
    bound.windows.forEach((windowMs, window) => {
      const here = bound.features.filter(({ feature }) => feature.windowMs === windowMs);
      if (here.some(({ feature }) => isWindowFeature(feature)))
        made.push({ name: bound.name('a', window), sql: windowSql(bound, windowMs), kept: false });
    });
    for (const { at, feature } of bound.features)
      if (feature.function === 'approxDistinct')
        made.push({ name: bound.name('d', at), sql: distinctSql(bound, feature, at), kept: false });
  }
  made.push({ name: bound.name('v'), sql: viewSql(bound), kept: true });
  return made;
}

/** SQL of a value, over the spine `s` and the views `v<binding>`. */
function originSql(origin: KeyOrigin): string {
  return origin.kind === 'request' ? `s.${sparkQuoted(origin.field)}` : `v${origin.binding}.f${origin.feature}`;
}

/** Names the columns of what on-demand features take, each once. */
class TakenColumns {
  readonly #names = new Map<string, string>();

  name(origin: KeyOrigin): string {
    const sql = originSql(origin);
    const name = this.#names.get(sql) ?? `__take_${this.#names.size}`;
    this.#names.set(sql, name);
    return name;
  }

  get sql(): string {
    return [...this.#names].map(([sql, name]) => `, ${sql} AS ${name}`).join('');
  }
}

function sparkInput({ name, list, origin }: PlannedInput, taken: TakenColumns): SparkInput {
  if (origin.kind !== 'onDemand') return { kind: list ? 'list' : 'value', name };
  const { feature, from } = origin;
  const { definition } = feature;
  return { kind: 'onDemand', name, feature: feature.name, definition, takes: from.map((each) => taken.name(each)) };
}

/**
 * Spark SQL (4.0 or newer) with the meaning of `pointInTimeSql`, over the same Parquet files, equal value by value and to the bit. Result: `__row`,
 * each input by its name, and `__status_<i>` per input; no order. A list is an array. What is computed on demand is not there, but what it takes
 * is: `finishedInputs` says how DuckDB makes the inputs of it.
 */
export function sparkPointInTimeSql(plan: LookupPlan, input: SparkPointInTimeInput): SparkQuery {
  const bindings = plan.bindings.map((planned, index) => new Binding(planned, index, input.prefix));
  const views = bindings.flatMap((bound) => viewsOf(bound, bindings, input));
  const taken = new TakenColumns();
  const inputs = plan.inputs.map((planned) => sparkInput(planned, taken));
  const outputs = plan.inputs.map(({ name, origin }, index) => {
    if (origin.kind === 'onDemand') return '';
    const value = originSql(origin);
    const status = origin.kind === 'request' ? '1' : `coalesce(v${origin.binding}.st, 3)`;
    const nullable = `CASE WHEN ${status} = 1 AND ${value} IS NULL THEN 2 ELSE ${status} END`;
    return `, ${value} AS ${sparkQuoted(name)}, ${nullable} AS __status_${index}`;
  });
  const joins = bindings.map((bound, index) => ` LEFT JOIN ${bound.name('v')} v${index} ON v${index}.__row = s.__row`);
  const sql = `SELECT s.__row${outputs.join('')}${taken.sql} FROM ${sparkQuoted(input.spine)} s${joins.join('')}`;
  return { views, sql, inputs };
}
