import { features, type ModelSpec, type registry } from '@everloop/contracts';
import { offlineColumns, pointInTimeSql, type FeatureScalar, type LookupPlan } from '@everloop/features';
import { sqlName, sqlText, type ColumnTable, type DuckDb, type DuckValue, type ObjectStore } from '@everloop/storage';

import { CanonicalRows, type HashedColumn } from '../domain/canonical-rows.ts';
import { countLabelsSql, examplesSql } from '../domain/dataset-sql.ts';
import { errors } from '../errors.ts';
import type { DatasetRequest, History } from '../ports.ts';
import { HistoryTables, type HistoryTablesOptions } from './history-tables.ts';

/** Rows that are hashed between two looks at other work. */
const hashedRows = 8_192;

/** The history in Parquet files, asked through DuckDB. */
export function createParquetHistory(options: HistoryTablesOptions & { readonly objects: ObjectStore }): History {
  const { duck, objects } = options;
  const tables = new HistoryTables(options);

  async function relation(source: string, model: string): Promise<string> {
    const table = tables.table(source);
    if (table === undefined) throw errors.sourceNotReady(model, source);
    return tables.relation(table);
  }

  async function viewRelations(plan: LookupPlan): Promise<Map<string, string>> {
    const relations = new Map<string, string>();
    for (const { view } of plan.bindings) {
      if (!relations.has(view.source)) relations.set(view.source, await relation(view.source, view.name));
    }
    return relations;
  }

  async function exampleTables(model: string, spec: ModelSpec): Promise<{ examples: string; labels: string }> {
    checkFields(tables, model, spec);
    return {
      examples: await relation(spec.examples.source, model),
      labels: await relation(spec.label.source, model),
    };
  }

  return {
    declare: (declared) => tables.declare(declared),
    nextOffset: (topic, partition) => tables.nextOffset(topic, partition),
    append: (topic, partition, rows, nextOffset) => tables.append(topic, partition, rows, nextOffset),
    release: (topic, partition) => tables.release(topic, partition),
    flush: () => tables.flush(),
    pointInTime: (plan, rows) =>
      tables.exclusive(async () => {
        await duck.run(`CREATE OR REPLACE TEMP TABLE asked (${spineColumns(plan)})`);
        await duck.insertRows('asked', spineRows(plan, rows));
        const sql = pointInTimeSql(plan, { spine: 'asked', tables: await viewRelations(plan) });
        const result = await duck.columns(`SELECT * FROM (${sql}) ORDER BY __row`);
        await duck.run('DROP TABLE asked');
        return featureRows(plan, result);
      }),
    async createDataset(request) {
      await tables.flush();
      return tables.exclusive(async () => {
        const sources = await exampleTables(request.model, request.spec);
        await duck.run(`CREATE OR REPLACE TEMP TABLE example AS ${examplesSql(request.spec, sources, request)}`);
        const sql = pointInTimeSql(request.plan, {
          spine: 'example',
          tables: await viewRelations(request.plan),
          earliestMs: request.fromMs,
        });
        const columns = request.plan.names.map(sqlName).join(', ');
        await duck.run(
          `CREATE OR REPLACE TEMP TABLE dataset AS SELECT f.__row, ${request.plan.names.map((name) => `f.${sqlName(name)}`).join(', ')}, ` +
            `CAST(e.__key AS VARCHAR) AS __join_key, e.__as_of_ms AS __time_ms, e.__label FROM (${sql}) f JOIN example e USING (__row)`,
        );
        const ordered = `SELECT ${columns}${columns === '' ? '' : ', '}__join_key, __time_ms, __label FROM dataset`;
        const staged = await objects.stage('dataset.parquet');
        await duck.run(`COPY (${ordered} ORDER BY __row) TO ${sqlText(staged)} (FORMAT parquet, COMPRESSION zstd)`);
        const digest = await objects.putFile(staged);
        const hashed = await contentHash(duck, ordered);
        const offsets = await offsetRanges(duck, tables, request);
        await duck.run('DROP TABLE dataset; DROP TABLE example');
        const dataset: registry.DatasetRef = {
          contentHash: hashed.digest,
          rows: hashed.rows,
          offsets,
          fromMs: request.fromMs,
          untilMs: request.untilMs,
          uri: `sha256:${digest}`,
        };
        return { dataset, path: objects.path(digest) };
      });
    },
    countLabels: (spec, asOfMs) =>
      tables.exclusive(async () => {
        const sources = await exampleTables('', spec);
        const [row] = await duck.all(countLabelsSql(spec, sources, asOfMs));
        return Number(row?.['n'] ?? 0);
      }),
  };
}

function checkFields(tables: HistoryTables, model: string, spec: ModelSpec): void {
  const needs: [string, string[]][] = [
    [spec.examples.source, [spec.joinKey, spec.examples.time, ...spec.request.map(({ name }) => name)]],
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

function requestFields(plan: LookupPlan): { readonly name: string; readonly type: 'number' | 'string' }[] {
  const fields = new Map<string, 'number' | 'string'>();
  for (const { origin, type } of plan.inputs) {
    if (origin.kind === 'request') fields.set(origin.field, type === 'number' ? 'number' : 'string');
  }
  for (const { key, view } of plan.bindings) {
    if (key.kind === 'request') fields.set(key.field, view.entityType === 'string' ? 'string' : 'number');
  }
  return [...fields].map(([name, type]) => ({ name, type }));
}

function spineColumns(plan: LookupPlan): string {
  const fields = requestFields(plan).map(
    ({ name, type }) => `, ${sqlName(name)} ${type === 'number' ? 'DOUBLE' : 'VARCHAR'}`,
  );
  return `__row BIGINT, __as_of_ms BIGINT${fields.join('')}`;
}

function spineRows(plan: LookupPlan, rows: readonly features.EntityRow[]): DuckValue[][] {
  const fields = requestFields(plan);
  return rows.map((row, index) => [
    BigInt(index),
    BigInt(row.asOfMs),
    ...fields.map(({ name }) => {
      const kind = row.request[name]?.kind;
      if (kind?.$case === 'number') return kind.value;
      return kind?.$case === 'text' ? kind.value : null;
    }),
  ]);
}

const statuses: readonly features.FeatureStatus[] = [
  features.FeatureStatus.UNSPECIFIED,
  features.FeatureStatus.PRESENT,
  features.FeatureStatus.NULL_VALUE,
  features.FeatureStatus.NOT_FOUND,
  features.FeatureStatus.OUTSIDE_MAX_AGE,
];

function cell(result: ColumnTable, name: string, row: number): FeatureScalar {
  const column = result.columns.get(name);
  if (column === undefined) return null;
  const value = column.values[row] ?? null;
  return typeof value === 'number' && Number.isNaN(value) ? null : value;
}

function featureRows(plan: LookupPlan, result: ColumnTable): features.FeatureRow[] {
  return Array.from({ length: result.rows }, (_, row) => ({
    values: plan.names.map((name) => featureValue(cell(result, name, row))),
    statuses: plan.names.map(
      (_, index) => statuses[Number(cell(result, `__status_${index}`, row))] ?? features.FeatureStatus.UNSPECIFIED,
    ),
  }));
}

/** A scalar in its wire form. */
export function featureValue(value: FeatureScalar): features.FeatureRow['values'][number] {
  if (value === null) return { kind: { $case: 'missing', value: true } };
  return typeof value === 'number' ? { kind: { $case: 'number', value } } : { kind: { $case: 'text', value } };
}

async function contentHash(duck: DuckDb, ordered: string): Promise<{ readonly digest: string; readonly rows: number }> {
  const header = await duck.columns(`${ordered} LIMIT 0`);
  const hash = new CanonicalRows([...header.columns].map(([name, { type }]) => ({ name, type })));
  for (;;) {
    const block = await duck.columns(
      `${ordered} WHERE __row > ${hash.rows} AND __row <= ${hash.rows + hashedRows} ORDER BY __row`,
    );
    if (block.rows === 0) return { digest: hash.digest(), rows: hash.rows };
    hash.add([...block.columns.values()] satisfies HashedColumn[], block.rows);
    // The sink and the gRPC server get a turn between two blocks.
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

/** Offsets of the records that could matter: those with an event time before `asOfMs`, so that a repeat gives the same ranges. */
async function offsetRanges(
  duck: DuckDb,
  tables: HistoryTables,
  request: DatasetRequest,
): Promise<registry.OffsetRange[]> {
  const { partition, offset, timeMs } = offlineColumns;
  const sources = new Set([request.spec.examples.source, request.spec.label.source]);
  for (const { view } of request.plan.bindings) sources.add(view.source);
  const ranges: registry.OffsetRange[] = [];
  for (const source of [...sources].sort()) {
    const table = tables.table(source);
    if (table === undefined) continue;
    const rows = await duck.all(
      `SELECT ${partition} AS p, min(${offset}) AS first, max(${offset}) AS last FROM ${await tables.relation(table)} ` +
        `WHERE ${timeMs} < ${request.asOfMs} GROUP BY 1 ORDER BY 1`,
    );
    for (const row of rows) {
      const range = {
        topic: table.topic,
        partition: Number(row['p']),
        start: Number(row['first']),
        end: Number(row['last']) + 1,
      };
      ranges.push(range);
    }
  }
  return ranges;
}
