import { loadResources, type registry, resourceKey, toWire } from '@everloop/contracts';
import { withRegistry } from './registry-client.ts';

/** What became of each resource. */
export type ApplyResults = readonly registry.ApplyResourcesResponse_Result[];

/**
 * Reads a folder of resources, checks all of it, and gives it to the registry; all of it takes effect or nothing. Throws
 * EVL_RESOURCE_INVALID with every problem and its place, or EVL_CLI_REGISTRY_UNREACHABLE.
 */
export async function applyResources(folder: string, registryAddress: string): Promise<ApplyResults> {
  const resources = await readResources(folder);
  return withRegistry(registryAddress, async (client) => (await client.applyResources({ resources })).results);
}

/** What `applyResources` would do; changes nothing. */
export async function planResources(folder: string, registryAddress: string): Promise<ApplyResults> {
  const wanted = await readResources(folder);
  const { resources } = await withRegistry(registryAddress, (client) => client.listResources({ kind: '' }));
  const applied = new Map(resources.map((resource) => [resourceKey(resource), resource]));
  return wanted.map(({ kind, name, digest }) => {
    const before = applied.get(`${kind}/${name}`);
    if (before?.digest === digest) return { kind, name, revision: before.revision, change: 'unchanged' };
    return { kind, name, revision: (before?.revision ?? 0) + 1, change: before === undefined ? 'created' : 'changed' };
  });
}

async function readResources(folder: string): Promise<registry.Resource[]> {
  const { resources } = await loadResources(folder);
  return resources.map(toWire);
}
