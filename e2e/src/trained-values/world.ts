import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  findResource,
  inference,
  parseResources,
  registry,
  rollout,
  servingApi,
  toWire,
  topics,
} from '@everloop/contracts';
import { connect, createGrpcServer } from '@everloop/grpc';
import type { Bus, Publisher } from '@everloop/kafka';
import { createModelHost } from '@everloop/onnx';
import { createMetrics, loadConfig, type Part } from '@everloop/service';
import { createObjectStore, openDuckDb, readParquetColumns } from '@everloop/storage';
import { isolatedBus, testBus, testLogger, testRedisUrl, uniqueName } from '@everloop/testing';
import { composeGateway } from '../../../services/gateway/src/compose.ts';
import { configSchema } from '../../../services/gateway/src/config.ts';
import { registryService } from '../../../services/registry/src/adapters/grpc-registry.ts';
import { createKafkaEventPublisher } from '../../../services/registry/src/adapters/kafka-event-publisher.ts';
import { openRegistryStore } from '../../../services/registry/src/adapters/sqlite-store.ts';
import { createOutboxPublisher } from '../../../services/registry/src/app/outbox-publisher.ts';
import { createTelemetry } from '../../../services/registry/src/telemetry.ts';
import { createVersionLedger } from '../../../services/trainer/src/adapters/grpc-clients.ts';
import { createRecipeFolder } from '../../../services/trainer/src/adapters/recipe-folder.ts';
import { train } from '../../../services/trainer/src/app/train.ts';
import { nothingHeld } from '../../../services/trainer/src/domain/holds.ts';
import { createSyntheticTable, freeze } from '../../../services/trainer/test/synthetic.ts';

const dayMs = 86_400_000;
const model = 'lateness';

/** Rows have carriers C0 to C4; see `createSyntheticTable`. */
const yaml = `
kind: Source
name: trips
spec:
  topic: trips
  key: id
  eventTime: at
  fields:
    id: { type: string, required: true }
    at: { type: timestamp, required: true }
    carrier: { type: string }
    x: { type: number }
    y: { type: number }
    late: { type: number }
---
kind: Model
name: ${model}
spec:
  request:
    - { name: id, type: string }
    - { name: carrier, type: string, values: training }
    - { name: x, type: number }
    - { name: y, type: number }
  joinKey: id
  gate: { missing: impute }
  examples: { source: trips, time: at }
  views: []
  inputs:
    - { name: carrier, type: category, from: request.carrier }
    - { name: x, type: number, from: request.x }
    - { name: y, type: number, from: request.y }
  label: { source: trips, key: id, field: late, above: 0.5, wait: 1d }
  training: { recipe: gbdt, parameters: { rounds: 20, leaves: 7 }, minRows: 100, window: 40d, timeHoldout: 8d }
  gates: { minRows: 50, minAuc: 0.6 }
`;

/** Trainer, registry and gateway as they are, on a broker, with the rows of a training set in place of a feature store. */
export interface World {
  readonly bus: Bus;
  readonly publisher: Publisher;
  readonly registry: ReturnType<typeof connect<typeof registry.RegistryServiceService>>;
  readonly oip: ReturnType<typeof connect<typeof inference.GRPCInferenceServiceService>>;
  readonly serving: ReturnType<typeof connect<typeof servingApi.ServingServiceService>>;
  readonly lines: ReturnType<typeof testLogger>['lines'];
  readArtifact(digest: string): Promise<Uint8Array>;
  /** Trains the model as of a day and registers the version. */
  train(day: number): Promise<registry.ModelVersion>;
  /** Wants a version in service. */
  route(championVersion: string): Promise<void>;
  stop(): Promise<void>;
}

export async function startWorld(): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'everloop-trained-'));
  const logger = testLogger('trained');
  const metrics = createMetrics('trained');
  const inner = await testBus({ logger });
  const bus = isolatedBus(inner, uniqueName('trained'));
  const parts: Part[] = [];
  const run = async <T extends Part>(part: T): Promise<T> => {
    parts.push(part);
    await part.start();
    return part;
  };
  const publisher = bus.publisher({ name: 'test' });
  await run(publisher);
  await bus.ensureTopics([{ name: topics.route, partitions: 1, compacted: true }]);
  await bus.ensureTopics([{ name: topics.clock, partitions: 1 }]);

  const store = openRegistryStore(join(folder, 'registry.sqlite'));
  const telemetry = createTelemetry(logger, metrics);
  const events = createKafkaEventPublisher(bus, publisher, topics);
  const outbox = await run(createOutboxPublisher({ store, publisher: events, telemetry, topic: topics.resources }));
  const service = registryService({ store, outbox, telemetry, topics, outboxEventsMax: 1_000 });
  const registryServer = await run(
    createGrpcServer({ name: 'registry', host: '127.0.0.1', port: 0, services: [service], logger }),
  );
  const address = `127.0.0.1:${registryServer.port}`;
  const calls = { name: 'test', deadlineMs: 30_000 };
  const registryClient = connect(registry.RegistryServiceService, address, calls);
  const resources = parseResources([{ name: 'lateness.yaml', text: yaml }]);
  await registryClient.applyResources({ resources: resources.map(toWire), force: false, dryRun: false });

  const objects = createObjectStore(join(folder, 'objects'));
  const host = await run(createModelHost({ name: 'evaluation', logger }));
  const database = await openDuckDb({ threads: 1 });
  await createSyntheticTable(database, 60, 60);
  const stopping = new AbortController();
  const ledger = createVersionLedger({ address, signal: stopping.signal, onAway: () => undefined });
  const { spec, revision } = findResource(resources, 'Model', model);

  const config = loadConfig('gateway', configSchema, {
    ...{ EVL_GRPC_PORT: '0', EVL_CLOCK: 'event', REDIS_URL: testRedisUrl(), EVL_REGISTRY_ADDRESS: address },
    ...{ EVL_OBJECT_STORE: join(folder, 'objects'), EVL_DATA_DIR: join(folder, 'gateway') },
  });
  const gateway = composeGateway({ config, bus, logger, metrics: createMetrics('gateway') });
  for (const part of gateway.parts) if (part.name !== bus.name) await run(part);
  const gatewayAddress = `127.0.0.1:${gateway.grpc.port}`;
  const oip = connect(inference.GRPCInferenceServiceService, gatewayAddress, calls);
  const serving = connect(servingApi.ServingServiceService, gatewayAddress, calls);
  let routes = 0;
  return {
    ...{ bus, publisher, registry: registryClient, oip, serving, lines: logger.lines },
    readArtifact: (digest) => objects.get(digest),
    train: async (day) => {
      const { version } = await train(
        {
          data: {
            countLabels: async () => 0,
            freeze: async ({ fromMs, untilMs }) => {
              const path = join(folder, `${untilMs}.parquet`);
              await freeze(database, path, fromMs, untilMs);
              const range = { fromMs, untilMs, uri: path, snapshotId: '' };
              return { checks: [], path, dataset: { contentHash: 'h', rows: 1, offsets: [], ...range } };
            },
          },
          vault: { open: async () => null },
          readDataset: (path) => readParquetColumns(path, { threads: 1 }),
          recipes: createRecipeFolder({
            recipesDir: join(import.meta.dirname, '../../../recipes'),
            jobsDir: join(folder, 'jobs'),
            ...{ memoryMib: 1_024, uid: null, onLine: () => undefined },
          }),
          ...{ ledger, artifacts: objects, scorer: host, scoreTimeoutMs: 20_000, signal: stopping.signal },
          provenance: () => ({ codeCommit: 'abc', environment: {} }),
        },
        { id: `day-${day}`, model, trigger: 'manual', reason: '', eventTimeMs: day * dayMs },
        { name: model, revision, spec },
        { held: nothingHeld, cleanRows: 4_000 },
      );
      return version;
    },
    async route(championVersion) {
      const route = { model, revision: String((routes += 1)), championVersion, salt: 's' };
      const value = JSON.stringify(rollout.Route.toJSON(rollout.Route.fromPartial(route)));
      await publisher.publish([{ topic: topics.route, key: model, value }]);
    },
    async stop() {
      stopping.abort();
      for (const client of [registryClient, oip, serving, ledger]) client.close();
      for (const part of parts.toReversed()) await part.stop();
      await inner.stop();
      store.close();
      database.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
