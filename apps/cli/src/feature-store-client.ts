import { datasets, features } from '@everloop/contracts';
import { connect, type GrpcClient } from '@everloop/grpc';
import { ServiceError } from '@everloop/service';

/** Longest time of one call, milliseconds: a comparison of large datasets takes a while. */
const deadlineMs = 600_000;

/** Both services of the feature store. */
export interface FeatureStoreClient {
  readonly datasets: GrpcClient<datasets.DatasetServiceService>;
  readonly features: GrpcClient<features.FeatureServiceService>;
}

/** Calls the feature store and closes the connections. When it cannot be reached the error says how to start or name it. */
export async function withFeatureStore<T>(
  address: string,
  call: (client: FeatureStoreClient) => Promise<T>,
): Promise<T> {
  const options = { name: 'everloop-cli', deadlineMs };
  const client: FeatureStoreClient = {
    datasets: connect(datasets.DatasetServiceService, address, options),
    features: connect(features.FeatureServiceService, address, options),
  };
  try {
    return await call(client);
  } catch (error) {
    if (!(error instanceof ServiceError) || !error.code.startsWith('EVL_GRPC_')) throw error;
    throw new ServiceError({
      code: 'EVL_CLI_FEATURE_STORE_UNREACHABLE',
      kind: error.kind,
      message: `the feature store at ${address} does not answer; start it with "npm start", or name another with --features or EVL_FEATURES_ADDRESS (${error.message})`,
      cause: error,
    });
  } finally {
    client.datasets.close();
    client.features.close();
  }
}
