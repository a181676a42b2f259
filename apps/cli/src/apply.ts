import { loadResources, type registry, toWire, type TypedResource } from '@everloop/contracts';
import { withRegistry } from './registry-client.ts';

/** What became of each resource, and the incompatible changes that were let pass. */
export type ApplyOutcome = registry.ApplyResourcesResponse;

export interface ApplyOptions {
  /** Lets incompatible changes of Sources pass; the ledger says so. */
  readonly force?: boolean;
  /** Checks everything and changes nothing. */
  readonly dryRun?: boolean;
}

/**
 * Reads a folder of resources, checks all of it, and gives it to the registry; all of it takes effect or nothing. Throws
 * EVL_RESOURCE_INVALID with every problem and its place, EVL_RESOURCE_INCOMPATIBLE with every change of a Source that breaks somebody, or
 * EVL_CLI_REGISTRY_UNREACHABLE.
 */
export async function applyResources(
  folder: string,
  registryAddress: string,
  options: ApplyOptions = {},
): Promise<ApplyOutcome> {
  const { resources } = await loadResources(folder);
  return giveResources(resources, registryAddress, options);
}

/** The same for resources that were read. */
export function giveResources(
  resources: readonly TypedResource[],
  registryAddress: string,
  { force = false, dryRun = false }: ApplyOptions = {},
): Promise<ApplyOutcome> {
  return withRegistry(registryAddress, (client) =>
    client.applyResources({ resources: resources.map(toWire), force, dryRun }),
  );
}
