import { features } from '@everloop/contracts';
import {
  offlineColumns,
  planFunctions,
  pointInTimeSql,
  storageType,
  type FeatureScalar,
  type LookupPlan,
} from '@everloop/features';
import { sqlName, type ColumnTable, type DuckDb, type DuckValue } from '@everloop/storage';

import type { History } from '../ports.ts';
import type { HistoryTables } from './history-tables.ts';
import { punctualSources, sourceRelation, viewRelations } from './relations.ts';

/** The history in Parquet files, asked through DuckDB. */
export function createParquetHistory({
  duck,
  tables,
}: {
  readonly duck: DuckDb;
  readonly tables: HistoryTables;
}): History {
  return {
    declare: (declared) => tables.declare(declared),
    nextOffset: (topic, partition) => tables.nextOffset(topic, partition),
    landed: (topic, partition) => tables.landed(topic, partition),
    append: (topic, partition, rows, nextOffset) => tables.append(topic, partition, rows, nextOffset),
    scan: (topic, partition, range) => tables.scan(topic, partition, range),
    release: (topic, partition) => tables.release(topic, partition),
    flush: () => tables.flush(),
    pointInTime: (plan, rows, { known = 'bitemporal', until } = {}) =>
      tables.exclusive(async () => {
        await duck.run(`CREATE OR REPLACE TEMP TABLE asked (${spineColumns(plan)})`);
        await duck.insertRows('asked', spineRows(plan, rows));
        const relations = await viewRelations(tables, plan, until);
        const punctual = await punctualSources(tables, plan);
        duck.define(planFunctions(plan));
        const sql = pointInTimeSql(plan, { spine: 'asked', tables: relations, known, punctual });
        const result = await duck.columns(`SELECT * FROM (${sql}) ORDER BY __row`);
        await duck.run('DROP TABLE asked');
        return featureRows(plan, result);
      }),
    freshness: (source) =>
      tables.exclusive(async () => {
        const { timeMs, knownMs } = offlineColumns;
        const relation = await sourceRelation(tables, source, source);
        const [row] = await duck.all(
          `SELECT max(${timeMs}) AS e, max(${knownMs}) AS k, count(*) AS n FROM ${relation}`,
        );
        return { newestEventMs: Number(row?.['e']), newestKnownMs: Number(row?.['k']), records: Number(row?.['n']) };
      }),
  };
}

function requestFields(plan: LookupPlan): { readonly name: string; readonly type: 'number' | 'string' }[] {
  const fields = new Map<string, 'number' | 'string'>();
  for (const { origin, type } of plan.inputs) {
    if (origin.kind === 'request') fields.set(origin.field, type === 'number' ? 'number' : 'string');
    if (origin.kind !== 'onDemand') continue;
    origin.from.forEach((from, index) => {
      if (from.kind === 'request') fields.set(from.field, origin.takes[index] ?? 'string');
    });
  }
  for (const { keys, view } of plan.bindings) {
    keys.forEach((key, part) => {
      if (key.kind === 'request') fields.set(key.field, storageType(view.entity[part]?.type ?? 'string'));
    });
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
