import { join } from 'node:path';
import { topics } from '@everloop/contracts';
import { createGrpcServer } from '@everloop/grpc';
import type { Bus } from '@everloop/kafka';
import { createModelHost } from '@everloop/onnx';
import type { Config, Logger, Metrics, Part } from '@everloop/service';
import { createObjectStore, readParquetColumns } from '@everloop/storage';
import { createTrainingData, createVersionLedger } from './adapters/grpc-clients.ts';
import { createFollowedHolds } from './adapters/followed-holds.ts';
import { createEvaluatorKeyPart } from './adapters/evaluator-key.ts';
import { createRecipeFolder } from './adapters/recipe-folder.ts';
import { createResourceCatalogue } from './adapters/resource-catalogue.ts';
import { createTrainingTask } from './app/training-task.ts';
import { createHoldoutVault } from './adapters/vault-client.ts';
import type { configSchema } from './config.ts';
import { createTelemetry } from './telemetry.ts';

export interface Surroundings {
  readonly config: Config<typeof configSchema>;
  readonly bus: Bus;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The trainer's parts in the order of their start, without the bus. */
export function compose({ config, bus, logger, metrics }: Surroundings): readonly Part[] {
  const telemetry = createTelemetry(logger, metrics);
  const stopping = new AbortController();
  const { signal } = stopping;
  const { follower, catalogue } = createResourceCatalogue(bus, logger);
  const { follower: holdsFollower, holds } = createFollowedHolds(bus, logger, config.holdsTimeoutMs);
  const host = createModelHost({ name: 'evaluation', logger });
  const data = createTrainingData({
    ...{ address: config.featuresAddress, datasetTimeoutMs: config.datasetTimeoutMs, signal },
    onAway: (error) => telemetry.away('feature-store', error),
  });
  const ledger = createVersionLedger({
    ...{ address: config.registryAddress, signal },
    onAway: (error) => telemetry.away('registry', error),
  });
  const evaluator = createEvaluatorKeyPart(config.vaultKey, config.vaultPublicKey);
  const vault = createHoldoutVault({
    ...{ address: config.featuresAddress, signal, key: evaluator.key, now: () => Date.now() },
    onAway: (error) => telemetry.away('feature-store', error),
  });
  const recipes = createRecipeFolder({
    ...{ recipesDir: config.recipesDir, jobsDir: join(config.dataDir, 'jobs'), memoryMib: config.recipeMemoryMib },
    uid: config.recipeUid,
    onLine: (jobId, line) => telemetry.recipeLine(jobId, line),
  });
  const controlTopics: Part = {
    name: 'control-topics',
    start: () =>
      bus.ensureTopics([
        ...[topics.retrainingRequested, topics.trainingJob, topics.progress].map((topic) => ({
          name: topic,
          partitions: 1,
        })),
        ...[topics.resources, topics.qualityHold].map((name) => ({ name, partitions: 1, compacted: true })),
      ]),
    stop: async () => {
      data.close();
      ledger.close();
      vault.close();
    },
  };
  const tasks = bus.tasks({
    groupId: 'everloop.trainer.jobs',
    inputs: [topics.retrainingRequested],
    createHandler: () =>
      createTrainingTask({
        ...{ catalogue, telemetry, data, holds, vault, ledger, recipes, scorer: host, signal },
        ...{ artifacts: createObjectStore(config.objectStore), scoreTimeoutMs: config.scoreTimeoutMs },
        readDataset: (path) => readParquetColumns(path, { threads: 1 }),
        provenance: () => ({
          codeCommit: config.codeCommit,
          environment: {
            node: process.version,
            onnxruntime: host.status().runtimeVersion,
            platform: `${process.platform}-${process.arch}`,
          },
        }),
      }),
    restore: { kind: 'replay' },
    progress: { service: 'trainer', stage: 'main' },
  });
  const grpc = createGrpcServer({ name: 'grpc', host: config.grpcHost, port: config.grpcPort, services: [], logger });
  return [evaluator.part, controlTopics, host, follower, holdsFollower, grpc, stoppable(tasks, stopping)];
}

/** Stops the tasks, and with them the job that they may be waiting for: it is done again after the next start. */
function stoppable(tasks: Part, stopping: AbortController): Part {
  return {
    name: tasks.name,
    start: () => tasks.start(),
    stop: async () => {
      // First the tasks, so that the job's end is not taken for an error to recover from.
      const stopped = tasks.stop();
      stopping.abort(new DOMException('the trainer is stopping', 'AbortError'));
      await stopped;
    },
    health: () => tasks.health?.() ?? { ok: true },
    ...(tasks.failed === undefined ? {} : { failed: tasks.failed }),
  };
}
