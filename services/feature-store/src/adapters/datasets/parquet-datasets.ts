import {
  type ColumnSummary,
  datasetCheckDefaults,
  type DatasetManifest,
  type DefinitionRef,
  planSplit,
  type SplitSpec,
  toWire,
  type TypedResource,
} from '@everloop/contracts';
import { encodeColumns, sqlName, sqlText, type ColumnTable, type DuckDb, type ObjectStore } from '@everloop/storage';

import { summarise } from '../../domain/column-summary.ts';
import { decodeManifest, encodeManifest } from '../../domain/dataset-manifest.ts';
import { countLabelsSql } from '../../domain/dataset-sql.ts';
import { mergeRanges } from '../../domain/exclude-sql.ts';
import type { DatasetRequest, Datasets, MadeDataset } from '../../ports.ts';
import type { HistoryTables } from '../history-tables.ts';
import { checkoutParts } from './checkout.ts';
import { contentHash } from './content-hash.ts';
import { diffDatasets } from './diff.ts';
import {
  countParts,
  materialise,
  offsetRanges,
  outsideVault,
  relationsOf,
  type Materialised,
  type MaterialiseOptions,
} from './materialise.ts';
import { futureData, runChecks, type CheckInput } from './run-checks.ts';
import type { VaultStore } from './vault-store.ts';
import { verifyDataset } from './verify.ts';

export interface ParquetDatasetsOptions {
  readonly duck: DuckDb;
  readonly tables: HistoryTables;
  readonly objects: ObjectStore;
  readonly vault: VaultStore;
}

/** Training sets out of the history, frozen in the object store, with the fixed holdout sealed in the vault. One is made at a time. */
export function createParquetDatasets(options: ParquetDatasetsOptions): Datasets {
  const { duck, tables, objects } = options;
  let turn: Promise<unknown> = Promise.resolve();
  let made = 0;
  const inTurn = <T>(work: (name: string) => Promise<T>): Promise<T> => {
    const next = turn.then(() => work(String(++made)));
    turn = next.catch(() => undefined);
    return next;
  };
  const manifest = async (id: string): Promise<DatasetManifest> => decodeManifest(id, await objects.get(id));
  return {
    create: (request) => inTurn((name) => create(options, request, name)),
    countLabels: (spec, asOfMs, exclude = []) =>
      tables.exclusive(async () => {
        const relation = await relationsOf(
          tables,
          { model: '', spec, plan: { names: [], inputs: [], bindings: [], phases: [] } },
          null,
        );
        const sources = { examples: relation(spec.examples.source), labels: relation(spec.label.source) };
        const [row] = await duck.all(countLabelsSql(spec, sources, asOfMs, exclude));
        return Number(row?.['n'] ?? 0);
      }),
    manifest,
    verify: (snapshot) => inTurn((name) => verifyDataset({ duck, tables, objects, name }, snapshot)),
    diff: (from, to, examplesMax) => inTurn((name) => diffDatasets({ duck, objects, name }, from, to, examplesMax)),
    checkout: (snapshot, parts) =>
      parts === null
        ? Promise.resolve({ path: objects.path(snapshot.data.digest), dispose: () => Promise.resolve() })
        : inTurn((name) => checkoutParts({ duck, objects, name }, snapshot, parts)),
  };
}

/** How the rows of a request are divided, by the Model's rules. */
export function splitOfRequest({
  spec,
  fromMs,
  untilMs,
}: Pick<DatasetRequest, 'spec' | 'fromMs' | 'untilMs'>): SplitSpec {
  return planSplit({ ...spec.training, windowMs: untilMs - fromMs }, spec.label.waitMs, untilMs);
}

async function create(options: ParquetDatasetsOptions, request: DatasetRequest, name: string): Promise<MadeDataset> {
  const { duck, tables, objects } = options;
  const split = splitOfRequest(request);
  const limits = request.spec.checks ?? datasetCheckDefaults;
  await tables.flush();
  const frozen = await tables.exclusive(async () => {
    const relations = await relationsOf(tables, request, null);
    const wanted: MaterialiseOptions = { duck, request, split, relations, name, reads: true };
    const data = await materialise(wanted);
    const offsets = await offsetRanges(duck, tables, request, relations);
    const future = await futureData({ duck, data, request, split, limits }, relations);
    return { data, offsets, future };
  });
  const { data, offsets, future } = frozen;
  try {
    const input: CheckInput = { duck, data, request, split, limits };
    const stored = await storeRows(options, data);
    const hashed = await contentHash(duck, data.table, data.columns);
    const manifest: DatasetManifest = {
      format: 1,
      model: request.model,
      contentHash: hashed.digest,
      rows: hashed.rows,
      request: {
        ...{ fromMs: request.fromMs, untilMs: request.untilMs, asOfMs: request.asOfMs },
        ...{ known: request.known ?? 'bitemporal', exclude: mergeRanges(request.exclude ?? []) },
      },
      definitions: await storeDefinitions(objects, request.definitions),
      offsets,
      split,
      parts: await countParts(duck, data.table),
      columns: await summaries(duck, data),
      ...stored,
      checks: [...(await runChecks(input)), future],
    };
    const { id, bytes } = encodeManifest(manifest);
    await objects.put(bytes);
    return { id, manifest, path: objects.path(stored.data.digest) };
  } finally {
    await data.drop();
  }
}

/** Writes the open rows as Parquet, and seals the others. */
async function storeRows(
  { duck, objects, vault }: ParquetDatasetsOptions,
  data: Materialised,
): Promise<Pick<DatasetManifest, 'data' | 'vault'>> {
  const columns = data.columns.map(sqlName).join(', ');
  const staged = await objects.stage('dataset.parquet');
  await duck.run(
    `COPY (SELECT ${columns} FROM ${data.table} WHERE ${outsideVault} ORDER BY __row) TO ${sqlText(staged)} (FORMAT parquet, COMPRESSION zstd)`,
  );
  const digest = await objects.putFile(staged);
  const isSealed = `NOT (${outsideVault})`;
  const hashed = await contentHash(duck, data.table, data.columns, isSealed);
  const open = { digest, rows: data.rows - hashed.rows };
  if (hashed.rows === 0) return { data: open, vault: null };
  const rows: ColumnTable = await duck.columns(`SELECT ${columns} FROM ${data.table} WHERE ${isSealed} ORDER BY __row`);
  const keyId = await vault.put(hashed.digest, encodeColumns(rows));
  return { data: open, vault: { rows: hashed.rows, contentHash: hashed.digest, keyId } };
}

async function storeDefinitions(objects: ObjectStore, resources: readonly TypedResource[]): Promise<DefinitionRef[]> {
  const references: DefinitionRef[] = [];
  for (const resource of resources) {
    const { kind, name, revision, digest, specJson } = toWire(resource);
    if (!(await objects.has(digest))) await objects.put(Buffer.from(specJson));
    references.push({ kind, name, revision, digest });
  }
  return references.sort((a, b) => (`${a.kind}/${a.name}` < `${b.kind}/${b.name}` ? -1 : 1));
}

async function summaries(duck: DuckDb, data: Materialised): Promise<ColumnSummary[]> {
  const found: ColumnSummary[] = [];
  for (const name of data.columns) {
    const table = await duck.columns(`SELECT ${sqlName(name)} AS v FROM ${data.table} WHERE ${outsideVault}`);
    const column = table.columns.get('v');
    if (column !== undefined) found.push(summarise(name, column));
    // The sink and the gRPC server get a turn between two columns.
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return found;
}
