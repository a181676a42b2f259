import type { ModelSpec, registry } from '@everloop/contracts';
import { offlineColumns, pointInTimeSql } from '@everloop/features';
import { sqlName, sqlText, type DuckDb, type ObjectStore } from '@everloop/storage';

import { CanonicalRows, type HashedColumn } from '../domain/canonical-rows.ts';
import { countLabelsSql, examplesSql } from '../domain/dataset-sql.ts';
import { errors } from '../errors.ts';
import type { DatasetRequest, Datasets } from '../ports.ts';
import type { HistoryTables } from './history-tables.ts';
import { sourceRelation, viewRelations } from './relations.ts';

/** Rows that are hashed between two looks at other work. */
const hashedRows = 8_192;

export interface ParquetDatasetsOptions {
  readonly duck: DuckDb;
  readonly tables: HistoryTables;
  readonly objects: ObjectStore;
}

/** Training sets out of the history, frozen in the object store. */
export function createParquetDatasets({ duck, tables, objects }: ParquetDatasetsOptions): Datasets {
  return {
    async create(request) {
      await tables.flush();
      return tables.exclusive(async () => {
        const sources = await exampleTables(tables, request.model, request.spec);
        await duck.run(`CREATE OR REPLACE TEMP TABLE example AS ${examplesSql(request.spec, sources, request)}`);
        const sql = pointInTimeSql(request.plan, {
          spine: 'example',
          tables: await viewRelations(tables, request.plan),
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
          snapshotId: '',
        };
        return { dataset, path: objects.path(digest) };
      });
    },
    countLabels: (spec, asOfMs, exclude = []) =>
      tables.exclusive(async () => {
        const sources = await exampleTables(tables, '', spec);
        const [row] = await duck.all(countLabelsSql(spec, sources, asOfMs, exclude));
        return Number(row?.['n'] ?? 0);
      }),
  };
}

async function exampleTables(
  tables: HistoryTables,
  model: string,
  spec: ModelSpec,
): Promise<{ readonly examples: string; readonly labels: string }> {
  checkFields(tables, model, spec);
  return {
    examples: await sourceRelation(tables, spec.examples.source, model),
    labels: await sourceRelation(tables, spec.label.source, model),
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
