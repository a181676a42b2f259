import type { DatasetManifest, datasets, features } from '@everloop/contracts';
import { createReadStream } from 'node:fs';

import { OpeningCheck } from '@everloop/vault';

import { verdictOf } from '../domain/dataset-manifest.ts';
import { partsOfSplit } from '../domain/split-names.ts';
import { errors } from '../errors.ts';
import type { CatalogEntry, DatasetCatalog, DatasetRequest, Datasets, TagMove, Vault } from '../ports.ts';
import type { Telemetry } from '../telemetry.ts';

const listed = { normally: 100, max: 1_000 } as const;
const examples = { normally: 5, max: 100 } as const;
const chunkBytes = 1024 * 1024;

export interface DatasetCallsOptions {
  readonly datasets: Datasets;
  readonly catalog: DatasetCatalog;
  readonly vault: Vault;
  readonly telemetry: Pick<Telemetry, 'datasetCreated' | 'vaultOpened' | 'vaultDenied' | 'queried'>;
  /** Wall clock, epoch milliseconds. */
  readonly now: () => number;
}

/** What the DatasetService answers, and the making of snapshots. */
export interface DatasetCalls {
  create(
    request: DatasetRequest,
    by: { readonly createdBy: string; readonly reason: string },
  ): Promise<features.CreateDatasetResponse>;
  list(request: datasets.ListDatasetsRequest): Promise<datasets.ListDatasetsResponse>;
  get(request: datasets.GetDatasetRequest): Promise<datasets.GetDatasetResponse>;
  tag(request: datasets.TagDatasetRequest): Promise<datasets.TagDatasetResponse>;
  diff(request: datasets.DiffDatasetsRequest): Promise<datasets.DiffDatasetsResponse>;
  verify(request: datasets.VerifyDatasetRequest): Promise<datasets.VerifyDatasetResponse>;
  checkout(request: datasets.CheckoutDatasetRequest): AsyncIterable<datasets.DatasetChunk>;
  openVault(request: datasets.OpenVaultRequest): AsyncIterable<datasets.OpenVaultResponse>;
}

export function createDatasetCalls(options: DatasetCallsOptions): DatasetCalls {
  const { datasets: store, catalog, vault, telemetry, now } = options;
  const openings = new OpeningCheck();

  async function found(ref: string): Promise<{ readonly entry: CatalogEntry; readonly manifest: DatasetManifest }> {
    const entry = catalog.get(ref);
    return { entry, manifest: await store.manifest(entry.id) };
  }

  return {
    async create(request, by) {
      const startedMs = performance.now();
      const { id, manifest, path } = await store.create(request);
      catalog.record({ id, model: request.model, createdAtMs: now(), ...by });
      const { rows, contentHash, checks } = manifest;
      telemetry.datasetCreated(request.model, rows, contentHash, performance.now() - startedMs);
      return {
        dataset: {
          ...{ contentHash, rows, snapshotId: id, uri: `sha256:${manifest.data.digest}` },
          offsets: manifest.offsets.map((range) => ({ ...range })),
          ...{ fromMs: request.fromMs, untilMs: request.untilMs },
        },
        path,
        checks: checks.map((check) => ({ ...check, examples: [...check.examples] })),
        splitJson: JSON.stringify(manifest.split),
      };
    },
    async list({ model, limit }) {
      const entries = catalog.list(model, limit <= 0 ? listed.normally : Math.min(limit, listed.max));
      const answered: datasets.DatasetEntry[] = [];
      for (const entry of entries) answered.push(wireEntry(entry, await store.manifest(entry.id)));
      return { datasets: answered };
    },
    async get({ ref }) {
      const { entry, manifest } = await found(ref);
      return {
        dataset: wireEntry(entry, manifest),
        manifestJson: JSON.stringify(manifest),
        tagHistory: catalog.moves(entry.id).map(wireMove),
      };
    },
    async tag({ tag, ref, by, reason }) {
      return { move: wireMove(catalog.tag({ tag, ref, by, reason, atMs: now() })) };
    },
    async diff({ fromRef, toRef, examples: wanted }) {
      const startedMs = performance.now();
      const [from, to] = [await found(fromRef), await found(toRef)];
      const most = wanted <= 0 ? examples.normally : Math.min(wanted, examples.max);
      const diff = await store.diff(from.manifest, to.manifest, most);
      telemetry.queried('DiffDatasets', from.manifest.rows + to.manifest.rows, performance.now() - startedMs);
      return { diffJson: JSON.stringify(diff) };
    },
    async verify({ ref }) {
      const { entry, manifest } = await found(ref);
      const startedMs = performance.now();
      const { expected, actual, differences } = await store.verify(manifest);
      telemetry.queried('VerifyDataset', actual.rows, performance.now() - startedMs);
      return {
        ...{ id: entry.id, equal: differences.length === 0, differences: [...differences] },
        ...{ expectedHash: expected.contentHash, actualHash: actual.contentHash },
        ...{ expectedRows: expected.rows, actualRows: actual.rows },
      };
    },
    async *checkout({ ref, split }) {
      const { manifest } = await found(ref);
      const parts = split === '' ? null : partsOfSplit(split);
      const file = await store.checkout(manifest, parts);
      try {
        for await (const data of createReadStream(file.path, { highWaterMark: chunkBytes }))
          yield { data: data as Buffer };
      } finally {
        await file.dispose();
      }
    },
    async *openVault(request) {
      try {
        openings.check(request, await vault.publicKey(), now());
      } catch (error) {
        telemetry.vaultDenied(request.ref, request.purpose, error);
        throw error;
      }
      const { entry, manifest } = await found(request.ref);
      if (manifest.vault === null) throw errors.vaultEmpty(entry.id);
      const sealed = await vault.get(manifest.vault.contentHash, manifest.vault.keyId);
      telemetry.vaultOpened(entry.id, request.purpose, manifest.vault.rows);
      for (let at = 0; at < sealed.length; at += chunkBytes) yield { sealed: sealed.subarray(at, at + chunkBytes) };
    },
  };
}

function wireEntry(entry: CatalogEntry, manifest: DatasetManifest): datasets.DatasetEntry {
  const { request, checks, vault, rows, contentHash, columns } = manifest;
  return {
    ...{ id: entry.id, model: entry.model, contentHash, rows, vaultRows: vault?.rows ?? 0, columns: columns.length },
    ...{ fromMs: request.fromMs, untilMs: request.untilMs, asOfMs: request.asOfMs },
    ...{ createdAtMs: entry.createdAtMs, createdBy: entry.createdBy, reason: entry.reason, parent: entry.parent },
    ...{ tags: [...entry.tags], verdict: verdictOf(checks) },
  };
}

function wireMove({ tag, id, previousId, by, reason, atMs }: TagMove): datasets.TagMove {
  return { tag, id, previousId, by, reason, atMs };
}
