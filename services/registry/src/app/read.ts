import { registry } from '@everloop/contracts';
import type { ServiceError } from '@everloop/service';
import { verifyChain, type LedgerEntry } from '../domain/ledger.ts';
import { differences, emptyProjection, project } from '../domain/projection.ts';
import { hintFor } from '../domain/resources.ts';
import { asModelVersion } from '../domain/versions.ts';
import { refuse } from '../errors.ts';
import type { RegistryReader } from '../ports.ts';

/** Resources of a kind, or all. */
export function listResources(
  reader: RegistryReader,
  request: registry.ListResourcesRequest,
): registry.ListResourcesResponse {
  return { resources: reader.resources(request.kind === '' ? undefined : request.kind) };
}

/** Every revision of a resource, oldest first, as the ledger tells. O(entries). */
export function listRevisions(
  reader: RegistryReader,
  { kind, name }: registry.ListRevisionsRequest,
): registry.ListRevisionsResponse {
  const revisions: registry.ListRevisionsResponse_Revision[] = [];
  for (const { type, subject, body, sequence } of reader.entries()) {
    if (type !== 'resource.applied' || subject !== `${kind}/${name}`) continue;
    const json = JSON.parse(body) as { readonly overridden?: string[] };
    revisions.push({ resource: registry.Resource.fromJSON(json), sequence, overridden: json.overridden ?? [] });
  }
  return { revisions };
}

/** One version as it is now. */
export function getVersion(reader: RegistryReader, request: registry.GetVersionRequest): registry.GetVersionResponse {
  const stored = reader.version(request.model, request.version);
  if (stored === null) throw versionNotFound(reader, request.model, request.version);
  return { version: asModelVersion(stored) };
}

/** The versions of a model, oldest first, or of all models. */
export function listVersions(
  reader: RegistryReader,
  request: registry.ListVersionsRequest,
): registry.ListVersionsResponse {
  const versions = reader.versions(request.model === '' ? undefined : request.model);
  return { versions: versions.map(asModelVersion) };
}

/** What a walk over the ledger found, with the reasons when it is not intact. */
export interface LedgerVerdict extends registry.VerifyLedgerResponse {
  readonly problems: readonly string[];
}

/**
 * Recomputes the chain of hashes and compares what the ledger tells with the present state. O(entries).
 */
export function verifyLedger(reader: RegistryReader): LedgerVerdict {
  const projection = emptyProjection();
  const unreadable: string[] = [];
  function* watched(entries: Iterable<LedgerEntry>): Iterable<LedgerEntry> {
    for (const entry of entries) {
      try {
        project(projection, entry);
      } catch (error) {
        unreadable.push(
          `entry ${entry.sequence} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
      yield entry;
    }
  }
  const { entries, head, brokenAt } = verifyChain(watched(reader.entries()));
  const problems = [
    ...(brokenAt === null ? [] : [`entry ${brokenAt} does not fit the hash before it`]),
    ...unreadable,
    ...differences(projection, reader.resources(), reader.versions()).map(
      (subject) => `${subject} is not as the ledger tells`,
    ),
  ];
  return { entries, head, intact: problems.length === 0, problems };
}

/** The error for a version that is not there, with what is. */
export function versionNotFound(reader: RegistryReader, model: string, version: string): ServiceError {
  const versions = reader.versions(model).map((stored) => stored.registered.version);
  const models = [...new Set(reader.versions().map((stored) => stored.registered.model))];
  const known =
    versions.length === 0 ? `the model has no version${hintFor(model, models)}` : `it has ${versions.join(', ')}`;
  return refuse('EVL_REGISTRY_VERSION_NOT_FOUND', `there is no version "${version}" of "${model}": ${known}`);
}
