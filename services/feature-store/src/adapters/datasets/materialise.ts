import {
  inFixedHoldout,
  splitUnit,
  type OffsetRange,
  splitColumn,
  splitOf,
  splitParts,
  type SplitSpec,
} from '@everloop/contracts';
import { offlineColumns, planFunctions, pointInTimeSql, withReads } from '@everloop/features';
import { sqlName, type DuckDb, type DuckValue } from '@everloop/storage';

import { examplesSql } from '../../domain/dataset-sql.ts';
import { errors } from '../../errors.ts';
import type { DatasetRequest } from '../../ports.ts';
import type { HistoryTables } from '../history-tables.ts';

/** Rows that are given their part together. */
const blockRows = 8_192;

/** A dataset as a temporary table of DuckDB: `__row` 1..n, the inputs, `__join_key`, `__time_ms`, `__label`, `__group` if any, `__part`. */
export interface Materialised {
  readonly table: string;
  /** Columns of the dataset in order, without `__row` and `__part`. */
  readonly columns: readonly string[];
  readonly rows: number;
  drop(): Promise<void>;
}

/** SQL of a source's records, only those within the ranges where there are any given. */
export type Relations = (source: string) => string;

export interface MaterialiseOptions {
  readonly duck: DuckDb;
  readonly request: DatasetRequest;
  readonly split: SplitSpec;
  readonly relations: Relations;
  readonly name: string;
  /** With a column for each value that an on-demand input is computed from, so that the inputs can be computed again from the dataset. */
  readonly reads: boolean;
}

/** Every source that a dataset is made of, ascending. */
export function sourcesOf({ spec, plan }: Pick<DatasetRequest, 'spec' | 'plan'>): readonly string[] {
  const sources = new Set([spec.examples.source, spec.label.source, ...plan.bindings.map(({ view }) => view.source)]);
  return [...sources].sort();
}

/** The relations of a dataset's sources, restricted to offset ranges when `offsets` are given. Call it inside `exclusive`. */
export async function relationsOf(
  tables: HistoryTables,
  request: Pick<DatasetRequest, 'model' | 'spec' | 'plan'>,
  offsets: readonly OffsetRange[] | null,
): Promise<Relations> {
  checkFields(tables, request);
  const found = new Map<string, string>();
  for (const source of sourcesOf(request)) {
    const table = tables.table(source);
    if (table === undefined) throw errors.sourceNotReady(request.model, source);
    const relation = await tables.relation(table);
    const ranges = offsets?.filter(({ topic }) => topic === table.topic);
    found.set(source, ranges === undefined ? relation : within(relation, ranges));
  }
  return (source) => {
    const relation = found.get(source);
    if (relation === undefined) throw errors.sourceNotReady(request.model, source);
    return relation;
  };
}

function within(relation: string, ranges: readonly OffsetRange[]): string {
  const { partition, offset } = offlineColumns;
  const conditions = ranges.map(
    (range) => `(${partition} = ${range.partition} AND ${offset} >= ${range.start} AND ${offset} < ${range.end})`,
  );
  return `(SELECT * FROM ${relation} WHERE ${conditions.length === 0 ? 'false' : conditions.join(' OR ')})`;
}

function checkFields(tables: HistoryTables, { model, spec }: Pick<DatasetRequest, 'model' | 'spec'>): void {
  const group = splitColumn(spec.training);
  const needs: [string, string[]][] = [
    [
      spec.examples.source,
      [spec.joinKey, spec.examples.time, ...(group === null ? [] : [group]), ...spec.request.map(({ name }) => name)],
    ],
    [spec.label.source, [spec.label.key, spec.label.field]],
  ];
  for (const [source, fields] of needs) {
    const table = tables.table(source);
    if (table === undefined) throw errors.sourceNotReady(model, source);
    for (const field of fields) {
      if (!table.fields.some(({ name }) => name === field)) throw errors.fieldInvalid(model, source, field);
    }
  }
}

/** Makes the rows of a dataset and gives each its part of the split. */
export async function materialise(options: MaterialiseOptions): Promise<Materialised> {
  const { duck, request, split, relations, name } = options;
  const { spec } = request;
  const plan = options.reads ? withReads(request.plan) : request.plan;
  const groupColumn = splitColumn(spec.training);
  const spine = sqlName(`example_${name}`);
  const whole = sqlName(`rows_${name}`);
  const sources = { examples: relations(spec.examples.source), labels: relations(spec.label.source) };
  await duck.run(`CREATE OR REPLACE TEMP TABLE ${spine} AS ${examplesSql(spec, sources, { ...request, groupColumn })}`);
  duck.define(planFunctions(plan));
  const sql = pointInTimeSql(plan, {
    spine,
    tables: new Map(plan.bindings.map(({ view }) => [view.source, relations(view.source)])),
    earliestMs: request.fromMs,
    known: request.known ?? 'bitemporal',
  });
  await duck.run(
    `CREATE OR REPLACE TEMP TABLE ${whole} AS SELECT f.__row, ${plan.names.map((input) => `f.${sqlName(input)}, `).join('')}` +
      `CAST(e.__key AS VARCHAR) AS __join_key, e.__as_of_ms AS __time_ms, e.__label` +
      `${groupColumn === null ? '' : ', e.__group'} FROM (${sql}) f JOIN ${spine} e USING (__row)`,
  );
  const parts = sqlName(`part_${name}`);
  const table = sqlName(`dataset_${name}`);
  const rows = await assignParts(duck, whole, parts, split, groupColumn !== null);
  await duck.run(
    `CREATE OR REPLACE TEMP TABLE ${table} AS SELECT * FROM ${whole} JOIN ${parts} USING (__row) ORDER BY __row`,
  );
  await duck.run(`DROP TABLE ${whole}; DROP TABLE ${parts}`);
  const columns = [...plan.names, '__join_key', '__time_ms', '__label', ...(groupColumn === null ? [] : ['__group'])];
  return {
    ...{ table, columns, rows },
    drop: () => duck.run(`DROP TABLE IF EXISTS ${table}; DROP TABLE IF EXISTS ${spine}`),
  };
}

/** Makes a table `(__row, __part, __sealed)` for the rows 1..n of another; resolves with n. */
export async function assignParts(
  duck: DuckDb,
  from: string,
  into: string,
  split: SplitSpec,
  hasGroup: boolean,
): Promise<number> {
  await duck.run(`CREATE OR REPLACE TEMP TABLE ${into} (__row BIGINT, __part VARCHAR, __sealed BOOLEAN)`);
  for (let done = 0; ;) {
    const block = await duck.columns(
      `SELECT __row, __join_key, __time_ms${hasGroup ? ', __group' : ''} FROM ${from} ` +
        `WHERE __row > ${done} AND __row <= ${done + blockRows} ORDER BY __row`,
    );
    if (block.rows === 0) return done;
    const [keys, times, groups] = ['__join_key', '__time_ms', '__group'].map(
      (column) => block.columns.get(column)?.values,
    );
    const values = Array.from({ length: block.rows }, (_, row): DuckValue[] => {
      const group = (groups?.[row] ?? null) as string | null;
      const of = { joinKey: String(keys?.[row] ?? ''), timeMs: Number(times?.[row]), group };
      const isSealed = inFixedHoldout(splitUnit(of, split), split.fixedHoldoutPercent, split.fixedHoldoutSalt);
      return [BigInt(done + row + 1), splitOf(of, split), isSealed];
    });
    await duck.insertRows(into.slice(1, -1), values);
    done += block.rows;
  }
}

/**
 * SQL condition of the rows that are not in the vault. The vault holds every unit of the fixed holdout, also those that lie outside of all
 * ranges of time today: a later dataset will hold them out.
 */
export const outsideVault = 'NOT __sealed';

/** Rows of each part. */
export async function countParts(duck: DuckDb, table: string): Promise<Record<(typeof splitParts)[number], number>> {
  const counts = Object.fromEntries(splitParts.map((part) => [part, 0])) as Record<(typeof splitParts)[number], number>;
  for (const row of await duck.all(`SELECT __part AS part, count(*) AS n FROM ${table} GROUP BY 1`))
    counts[String(row['part']) as keyof typeof counts] = Number(row['n']);
  return counts;
}

/** Offsets of the records that could matter: those known (or, by the latest policy, dated) before `asOfMs`, so that a repeat gives the same. */
export async function offsetRanges(
  duck: DuckDb,
  tables: HistoryTables,
  request: DatasetRequest,
  relations: Relations,
): Promise<OffsetRange[]> {
  const { partition, offset, timeMs, knownMs } = offlineColumns;
  const column = request.known === 'latest' ? timeMs : knownMs;
  const ranges: OffsetRange[] = [];
  for (const source of sourcesOf(request)) {
    const topic = tables.table(source)?.topic ?? '';
    const rows = await duck.all(
      `SELECT ${partition} AS p, min(${offset}) AS first, max(${offset}) AS last FROM ${relations(source)} ` +
        `WHERE ${column} < ${request.asOfMs} GROUP BY 1 ORDER BY 1`,
    );
    for (const row of rows)
      ranges.push({ topic, partition: Number(row['p']), start: Number(row['first']), end: Number(row['last']) + 1 });
  }
  return ranges;
}
