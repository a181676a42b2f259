import { commonConfig, grpcConfig, type ConfigSchema } from '@everloop/service';

export const configSchema = {
  ...commonConfig,
  ...grpcConfig,
  registryAddress: {
    env: 'EVL_REGISTRY_ADDRESS',
    type: 'string',
    default: '127.0.0.1:8003',
    unit: 'host:port',
    why: 'The registry, where the stages of versions are recorded.',
  },
} as const satisfies ConfigSchema;
