import { registry } from '@everloop/contracts';
import type { LedgerEntry } from './ledger.ts';
import type { StoredVersion } from './versions.ts';

/** The present as the ledger tells it: digest of each resource, stage of each version. */
export interface Projection {
  readonly resources: Map<string, string>;
  readonly stages: Map<string, string>;
}

/** The projection of an empty ledger. */
export function emptyProjection(): Projection {
  return { resources: new Map(), stages: new Map() };
}

/** Adds one entry to the projection, in place. */
export function project(projection: Projection, entry: LedgerEntry): void {
  const body: unknown = JSON.parse(entry.body);
  switch (entry.type) {
    case 'resource.applied':
      projection.resources.set(entry.subject, registry.Resource.fromJSON(body).digest);
      return;
    case 'version.registered':
      projection.stages.set(entry.subject, 'candidate');
      return;
    case 'stage.changed':
      projection.stages.set(entry.subject, registry.SetStageRequest.fromJSON(body).stage);
      return;
  }
}

/** Subjects whose stored present differs from what the ledger tells. */
export function differences(
  projection: Projection,
  resources: readonly registry.Resource[],
  versions: readonly StoredVersion[],
): string[] {
  const stored = new Map([
    ...resources.map((r) => [`${r.kind}/${r.name}`, r.digest] as const),
    ...versions.map((v) => [versionSubject(v.registered), v.stage] as const),
  ]);
  const told = new Map([...projection.resources, ...projection.stages]);
  const subjects = new Set([...stored.keys(), ...told.keys()]);
  return [...subjects].filter((subject) => stored.get(subject) !== told.get(subject)).sort();
}

/** How the ledger names a version. */
export function versionSubject(version: { readonly model: string; readonly version: string }): string {
  return `${version.model}@${version.version}`;
}
