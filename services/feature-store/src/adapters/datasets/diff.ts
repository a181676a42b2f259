import type { ChangedRow, ColumnSummary, DatasetDiff, DatasetManifest } from '@everloop/contracts';
import { sqlName, sqlText, type DuckDb } from '@everloop/storage';

import { countBins } from '../../domain/column-summary.ts';
import { diffManifests } from '../../domain/dataset-diff.ts';
import { encodeManifest } from '../../domain/dataset-manifest.ts';
import type { StoredDatasetsOptions } from './checkout.ts';

const key = '__join_key, __time_ms, __n';

/** What differs between two snapshots: what their manifests say, and their rows outside of the vaults. */
export async function diffDatasets(
  { duck, objects, name }: StoredDatasetsOptions,
  from: DatasetManifest,
  to: DatasetManifest,
  examplesMax: number,
): Promise<DatasetDiff> {
  const [a, b] = [sqlName(`before_${name}`), sqlName(`after_${name}`)];
  try {
    for (const [table, manifest] of [[a, from] as const, [b, to] as const]) {
      const columns = manifest.columns.map((column) => sqlName(column.name));
      await duck.run(
        `CREATE OR REPLACE TEMP VIEW ${table} AS SELECT *, row_number() OVER (PARTITION BY __join_key, __time_ms ORDER BY hash(${columns.join(', ')})) AS __n ` +
          `FROM read_parquet(${sqlText(objects.path(manifest.data.digest))})`,
      );
    }
    const counts = await countsInBins(duck, b, from.columns, to.columns);
    const [first, second] = [from, to].map((manifest) => ({ id: encodeManifest(manifest).id, manifest }));
    if (first === undefined || second === undefined) throw new Error('two snapshots have two manifests');
    const rest = diffManifests(first, second, counts);
    return { ...rest, rows: { ...sizes(from, to), ...(await diffRows(duck, [a, b], [from, to], examplesMax)) } };
  } finally {
    await duck.run(`DROP VIEW IF EXISTS ${a}; DROP VIEW IF EXISTS ${b}`);
  }
}

function sizes(from: DatasetManifest, to: DatasetManifest) {
  return {
    ...{ from: from.rows, to: to.rows },
    vault: [from.vault?.rows ?? 0, to.vault?.rows ?? 0] as const,
    vaultEqual: (from.vault?.contentHash ?? '') === (to.vault?.contentHash ?? ''),
  };
}

async function countsInBins(
  duck: DuckDb,
  after: string,
  from: readonly ColumnSummary[],
  to: readonly ColumnSummary[],
): Promise<Map<string, readonly number[]>> {
  const counts = new Map<string, readonly number[]>();
  for (const column of from) {
    const other = to.find((each) => each.name === column.name);
    if (column.type !== 'number' || other?.type !== 'number') continue;
    const values = (await duck.columns(`SELECT ${sqlName(column.name)} AS v FROM ${after}`)).columns.get('v');
    if (values?.type === 'number') counts.set(column.name, countBins(values.values, column.edges));
  }
  return counts;
}

async function diffRows(
  duck: DuckDb,
  [a, b]: readonly [string, string],
  [from, to]: readonly [DatasetManifest, DatasetManifest],
  examplesMax: number,
): Promise<Pick<DatasetDiff['rows'], 'added' | 'removed' | 'changed' | 'changedByColumn' | 'examples'>> {
  const columns = from.columns
    .filter(({ name, type }) => to.columns.some((other) => other.name === name && other.type === type))
    .map(({ name }) => name)
    .filter((name) => name !== '__join_key' && name !== '__time_ms');
  const differs = columns.map((name) => `x.${sqlName(name)} IS DISTINCT FROM y.${sqlName(name)}`);
  const isChanged = differs.length === 0 ? 'false' : differs.join(' OR ');
  const joined = `${a} x JOIN ${b} y USING (${key})`;
  const only = (one: string, other: string): string => `FROM ${one} ANTI JOIN ${other} USING (${key})`;
  const count = async (sql: string): Promise<number> =>
    Number((await duck.all(`SELECT count(*) AS n ${sql}`))[0]?.['n']);
  const filters = differs.map((condition, index) => `count(*) FILTER (${condition}) AS c${index}`).join(', ');
  const [sums] = await duck.all(
    `SELECT count(*) FILTER (${isChanged}) AS n${filters === '' ? '' : `, ${filters}`} FROM ${joined}`,
  );
  const plain = async (sql: string): Promise<ChangedRow[]> =>
    (await duck.all(`SELECT __join_key, __time_ms ${sql} ORDER BY __time_ms, __join_key LIMIT ${examplesMax}`)).map(
      (row) => ({
        joinKey: String(row['__join_key']),
        timeMs: Number(row['__time_ms']),
      }),
    );
  const sides = columns.flatMap((name, index) => [
    `x.${sqlName(name)} AS a${index}`,
    `y.${sqlName(name)} AS b${index}`,
  ]);
  const changed = await duck.all(
    `SELECT __join_key, __time_ms${sides.length === 0 ? '' : `, ${sides.join(', ')}`} FROM ${joined} WHERE ${isChanged} ` +
      `ORDER BY __time_ms, __join_key LIMIT ${examplesMax}`,
  );
  return {
    added: await count(only(b, a)),
    removed: await count(only(a, b)),
    changed: Number(sums?.['n']),
    changedByColumn: Object.fromEntries(
      columns.map((name, index) => [name, Number(sums?.[`c${index}`])] as const).filter(([, rows]) => rows > 0),
    ),
    examples: {
      added: await plain(only(b, a)),
      removed: await plain(only(a, b)),
      changed: changed.map((row) => ({
        joinKey: String(row['__join_key']),
        timeMs: Number(row['__time_ms']),
        changes: Object.fromEntries(
          columns.flatMap((name, index) => {
            const [before, after] = [plainValue(row[`a${index}`]), plainValue(row[`b${index}`])];
            return Object.is(before, after) ? [] : [[name, [before, after] as const]];
          }),
        ),
      })),
    },
  };
}

function plainValue(value: unknown): number | string | null {
  if (value === null || value === undefined) return null;
  return typeof value === 'string' ? value : Number(value);
}
