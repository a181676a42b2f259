import { join } from 'node:path';

import { createObjectStore, type DuckDb } from '@everloop/storage';
import { ensureKey, writePublicKey } from '@everloop/vault';

import { createParquetDatasets } from '../src/adapters/datasets/parquet-datasets.ts';
import { createSqliteCatalog } from '../src/adapters/datasets/sqlite-catalog.ts';
import { createVaultStore } from '../src/adapters/datasets/vault-store.ts';
import type { HistoryTables } from '../src/adapters/history-tables.ts';
import { createDatasetCalls, type DatasetCalls } from '../src/app/dataset-calls.ts';
import type { Datasets } from '../src/ports.ts';
import { silentTelemetry } from './fixtures.ts';

/** Datasets in a folder: `objects`, `vault`, `datasets.sqlite`, and the evaluator's `evaluator.key` and `evaluator.pub`. */
export async function createTestDatasets(
  dir: string,
  duck: DuckDb,
  tables: HistoryTables,
  telemetry: Parameters<typeof createDatasetCalls>[0]['telemetry'] = silentTelemetry,
): Promise<{ readonly datasets: Datasets; readonly snapshots: DatasetCalls }> {
  await writePublicKey(join(dir, 'evaluator.pub'), (await ensureKey(join(dir, 'evaluator.key'))).public);
  const vault = createVaultStore(join(dir, 'vault'), join(dir, 'evaluator.pub'));
  const datasets = createParquetDatasets({ duck, tables, objects: createObjectStore(join(dir, 'objects')), vault });
  const catalog = createSqliteCatalog(join(dir, 'datasets.sqlite'), join(dir, 'objects', 'catalog'));
  const snapshots = createDatasetCalls({ datasets, catalog, vault, telemetry, now: () => Date.now() });
  return { datasets, snapshots };
}
