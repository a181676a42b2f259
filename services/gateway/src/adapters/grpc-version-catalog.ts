import { registry } from '@everloop/contracts';
import { connect } from '@everloop/grpc';
import { ServiceError } from '@everloop/service';
import type { VersionCatalog } from '../ports.ts';

/** Longest time of one call, milliseconds: a version is a few kilobytes, and loading is tried again anyway. */
const deadlineMs = 5_000;

/** Versions as the registry knows them. */
export function createGrpcVersionCatalog(address: string): VersionCatalog & { readonly close: () => void } {
  const client = connect(registry.RegistryServiceService, address, { name: 'gateway', deadlineMs });
  return {
    async get(model, version) {
      const { version: found } = await client.getVersion({ model, version });
      if (found !== undefined) return found;
      throw new ServiceError({
        code: 'EVL_GATEWAY_REGISTRY_ANSWER_EMPTY',
        kind: 'retryable',
        message: `the registry at ${address} answered without version ${version} of model ${model}`,
      });
    },
    close: () => client.close(),
  };
}
