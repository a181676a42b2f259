import { registry } from '@everloop/contracts';
import { connect, type GrpcClient } from '@everloop/grpc';
import { ServiceError } from '@everloop/service';

/** Longest time of one call, milliseconds: the registry answers in a few, so this is for a machine that is very busy. */
const deadlineMs = 30_000;

/** A client of the registry. */
export type RegistryClient = GrpcClient<registry.RegistryServiceService>;

/** Calls the registry and closes the connection. When it cannot be reached the error says how to start or name it. */
export async function withRegistry<T>(address: string, call: (client: RegistryClient) => Promise<T>): Promise<T> {
  const client = connect(registry.RegistryServiceService, address, { name: 'everloop-cli', deadlineMs });
  try {
    return await call(client);
  } catch (error) {
    if (!(error instanceof ServiceError) || !error.code.startsWith('EVL_GRPC_')) throw error;
    throw new ServiceError({
      code: 'EVL_CLI_REGISTRY_UNREACHABLE',
      kind: error.kind,
      message: `the registry at ${address} does not answer; start it with "npm start", or name another with --registry or EVL_REGISTRY_ADDRESS (${error.message})`,
      cause: error,
    });
  } finally {
    client.close();
  }
}
