import type { DatasetManifest, SplitPart } from '@everloop/contracts';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { sqlName, sqlText, type DuckDb, type ObjectStore } from '@everloop/storage';

import { assignParts } from './materialise.ts';

export interface StoredDatasetsOptions {
  readonly duck: DuckDb;
  readonly objects: ObjectStore;
  /** Tells temporary tables of different calls apart. */
  readonly name: string;
}

/** Writes the rows of some parts of a snapshot as a Parquet file of their own, in canonical order. */
export async function checkoutParts(
  { duck, objects, name }: StoredDatasetsOptions,
  manifest: DatasetManifest,
  parts: readonly SplitPart[],
): Promise<{ readonly path: string; dispose(): Promise<void> }> {
  const folder = await mkdtemp(join(objects.dir, '.checkout-'));
  const path = join(folder, 'part.parquet');
  const [rows, part] = [sqlName(`checkout_${name}`), sqlName(`part_${name}`)];
  const columns = manifest.columns.map((column) => sqlName(column.name)).join(', ');
  try {
    const file = sqlText(objects.path(manifest.data.digest));
    await duck.run(
      `CREATE OR REPLACE TEMP TABLE ${rows} AS SELECT file_row_number + 1 AS __row, ${columns} FROM read_parquet(${file}, file_row_number = true)`,
    );
    await assignParts(
      duck,
      rows,
      part,
      manifest.split,
      manifest.columns.some((column) => column.name === '__group'),
    );
    const wanted = parts.map(sqlText).join(', ');
    await duck.copyToParquet(
      `SELECT ${columns} FROM ${rows} JOIN ${part} USING (__row) WHERE __part IN (${wanted}) ORDER BY __row`,
      path,
    );
    return { path, dispose: () => rm(folder, { recursive: true, force: true }) };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  } finally {
    await duck.run(`DROP TABLE IF EXISTS ${rows}; DROP TABLE IF EXISTS ${part}`);
  }
}
