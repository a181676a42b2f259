import { fileURLToPath } from 'node:url';
import { commonConfig, grpcConfig, type ConfigSchema } from '@everloop/service';

export const configSchema = {
  ...commonConfig,
  ...grpcConfig,
  registryAddress: {
    env: 'EVL_REGISTRY_ADDRESS',
    type: 'string',
    default: '127.0.0.1:8003',
    unit: 'host:port',
    why: 'The registry, where versions are recorded and the champion is asked for.',
  },
  featuresAddress: {
    env: 'EVL_FEATURES_ADDRESS',
    type: 'string',
    default: '127.0.0.1:8002',
    unit: 'host:port',
    why: 'The feature store, which counts labels and freezes training sets.',
  },
  objectStore: {
    env: 'EVL_OBJECT_STORE',
    type: 'string',
    default: '.everloop/objects',
    unit: 'folder',
    why: 'Where datasets are and models go, by their digest; the same folder that feature store, gateway and drift detector use.',
  },
  dataDir: {
    env: 'EVL_DATA_DIR',
    type: 'string',
    default: '.everloop/trainer',
    unit: 'folder',
    why: 'Working folders of jobs; what is in it may be deleted when the service is stopped.',
  },
  recipesDir: {
    env: 'EVL_RECIPES_DIR',
    type: 'string',
    default: fileURLToPath(new URL('../../../recipes', import.meta.url)),
    unit: 'folder',
    why: 'Where recipes are, one folder each; the default is those of the repository.',
  },
  recipeMemoryMib: {
    env: 'EVL_TRAINER_RECIPE_MEMORY',
    type: 'integer',
    default: 1_536,
    min: 64,
    max: 1_048_576,
    unit: 'MiB, heap and resident memory each',
    why: 'Memory of a training job; one that needs more is ended. The default holds about a million rows.',
  },
  datasetTimeoutMs: {
    env: 'EVL_TRAINER_DATASET_TIMEOUT',
    type: 'duration',
    default: 600_000,
    min: 1_000,
    unit: 'milliseconds',
    why: 'Longest wait for a training set; point-in-time joins over a long window take a while.',
  },
  scoreTimeoutMs: {
    env: 'EVL_TRAINER_SCORE_TIMEOUT',
    type: 'duration',
    default: 60_000,
    min: 100,
    unit: 'milliseconds',
    why: 'Longest time for one batch of holdout rows; a model that takes longer is no model to serve.',
  },
  codeCommit: {
    env: 'EVL_CODE_COMMIT',
    type: 'string',
    default: '',
    why: 'Commit of the code that runs, recorded with every version; empty when it is not known.',
  },
} as const satisfies ConfigSchema;
