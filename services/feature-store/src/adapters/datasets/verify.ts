import { type DatasetManifest, type DefinitionRef, parseResource, type TypedResource } from '@everloop/contracts';
import { catalogOf, isReadColumn, offlineColumns, planLookup } from '@everloop/features';
import { errorText } from '@everloop/service';
import type { ObjectStore } from '@everloop/storage';

import { errors } from '../../errors.ts';
import type { DatasetRequest, Verification } from '../../ports.ts';
import type { HistoryTables } from '../history-tables.ts';
import type { StoredDatasetsOptions } from './checkout.ts';
import { contentHash } from './content-hash.ts';
import { materialise, relationsOf, sourcesOf, type Relations } from './materialise.ts';

/**
 * Makes the rows of a snapshot again, from the definitions that it names (their specs lie in the object store, so it does not matter what is
 * applied now) and from the records of its offset ranges only (so it does not matter what came later), and compares the hash.
 */
export async function verifyDataset(
  options: StoredDatasetsOptions & { readonly tables: HistoryTables },
  manifest: DatasetManifest,
): Promise<Verification> {
  const { duck, tables, objects, name } = options;
  const request = await requestOf(objects, manifest);
  // Snapshots from before golden rows do not have them.
  const reads = manifest.columns.some((column) => isReadColumn(column.name));
  await tables.flush();
  const { data, missing } = await tables.exclusive(async () => {
    const relations = await relationsOf(tables, request, manifest.offsets);
    return {
      data: await materialise({ duck, request, split: manifest.split, relations, name, reads }),
      missing: await missingRecords(options, request, manifest, relations),
    };
  });
  try {
    const { digest, rows } = await contentHash(duck, data.table, data.columns);
    const expected = { contentHash: manifest.contentHash, rows: manifest.rows };
    const differences = [
      ...missing,
      ...(rows === expected.rows ? [] : [`${expected.rows} rows then, ${rows} rows now`]),
      ...(digest === expected.contentHash ? [] : ['the rows made again have another hash']),
      ...(await storedFile(objects, manifest)),
    ];
    return { expected, actual: { contentHash: digest, rows }, differences };
  } finally {
    await data.drop();
  }
}

async function requestOf(objects: ObjectStore, manifest: DatasetManifest): Promise<DatasetRequest> {
  const definitions: TypedResource[] = [];
  for (const reference of manifest.definitions) definitions.push(await readDefinition(objects, reference));
  const model = definitions.find((each) => each.kind === 'Model' && each.name === manifest.model);
  if (model?.kind !== 'Model') throw errors.snapshotInvalid(manifest.contentHash);
  const plan = planLookup(model.spec, catalogOf(definitions));
  return { model: manifest.model, spec: model.spec, plan, definitions, ...manifest.request };
}

async function readDefinition(
  objects: ObjectStore,
  { kind, name, revision, digest }: DefinitionRef,
): Promise<TypedResource> {
  const bytes = await objects.get(digest).catch((error: unknown) => {
    throw errors.definitionNotFound(`${kind}/${name} ${digest}`, error);
  });
  return parseResource({ kind, name, revision, specJson: bytes.toString('utf8') });
}

/** Ends of the recorded ranges that the history does not hold any more. */
async function missingRecords(
  { duck, tables }: StoredDatasetsOptions & { readonly tables: HistoryTables },
  request: DatasetRequest,
  manifest: DatasetManifest,
  relations: Relations,
): Promise<string[]> {
  const { partition, offset } = offlineColumns;
  const missing: string[] = [];
  for (const source of sourcesOf(request)) {
    const topic = tables.table(source)?.topic;
    const sql = `SELECT ${partition} AS p, min(${offset}) AS first, max(${offset}) AS last FROM ${relations(source)} GROUP BY 1`;
    const held = new Map((await duck.all(sql)).map((row) => [Number(row['p']), row]));
    for (const range of manifest.offsets.filter((each) => each.topic === topic)) {
      const row = held.get(range.partition);
      if (row !== undefined && Number(row['first']) === range.start && Number(row['last']) + 1 === range.end) continue;
      const now = row === undefined ? 'nothing' : `[${Number(row['first'])}, ${Number(row['last']) + 1})`;
      missing.push(
        `${range.topic}/${range.partition}: records [${range.start}, ${range.end}) then, ${now} of them now`,
      );
    }
  }
  return missing;
}

async function storedFile(objects: ObjectStore, manifest: DatasetManifest): Promise<string[]> {
  try {
    await objects.get(manifest.data.digest);
    return [];
  } catch (error) {
    return [`the stored file: ${errorText(error)}`];
  }
}
