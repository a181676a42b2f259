import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  registry,
  resourceKey,
  rollout,
  serving,
  topics,
  toWire,
  validTopic,
  type ModelSpec,
  type SourceSpec,
  type TypedResource,
} from '@everloop/contracts';
import { applyEvent, catalogOf, compileFromCatalog, encodeRow, newRow, rowKey, viewEvent } from '@everloop/features';
import { createGrpcServer, implement } from '@everloop/grpc';
import { createKafkaBus, type Bus } from '@everloop/kafka';
import { freePorts, startLocalKafka, startLocalRedis } from '@everloop/local';
import { createLogger, createMetrics } from '@everloop/service';
import { createObjectStore, createRedis } from '@everloop/storage';
import { entityName, featureNames, source as customerSource, view, viewName } from './features-world.ts';
import { canPin, pin } from './process-stats.ts';
import { startGateway, type StartedGateway } from './serving-gateway.ts';
import { fieldName, width } from './serving-message.ts';
import { largeModel, smallModel } from './serving-models.ts';
import { cores } from './subject.ts';

const partitions = 4;
/** The models that are asked: 20 numbers of the request through trees or a perceptron, and 20 stored features through the trees. */
export const modelNames = ['small', 'large', 'enriched'] as const;
export type ModelName = (typeof modelNames)[number];
/** `batched`: the large model, whose requests wait for each other. */
type Served = ModelName | 'batched';
/** So many rows as a run of it gains from, and less than what a run takes. */
export const batching = { maxRows: 64, maxDelayMs: 2 } as const;

/** Customers with stored features: so many that requests which are read together hardly ever share one. */
export const customers = Array.from({ length: 5_000 }, (_, index) => entityName(index));

const labels: SourceSpec = {
  ...customerSource,
  ...{ topic: 'bench.labels', partitions, key: 'id' },
  fields: {
    id: { type: 'string', required: true },
    at: { type: 'timestamp', required: true },
    y: { type: 'number', required: true },
  },
};

function specOf(name: Served): ModelSpec {
  const isEnriched = name === 'enriched';
  const numbers = Array.from({ length: width }, (_, column) => fieldName(column));
  return {
    ...(name === 'batched' ? { batching } : {}),
    joinKey: 'id',
    request: [
      { name: 'id', type: 'string' },
      ...(isEnriched
        ? [{ name: 'customer', type: 'string' } as const]
        : numbers.map((field) => ({ name: field, type: 'number', min: -1_000, max: 1_000 }) as const)),
    ],
    views: isEnriched ? [{ view: viewName, key: 'request.customer' }] : [],
    inputs: isEnriched
      ? featureNames.map((field) => ({ name: field, type: 'number', from: `${viewName}.${field}` }))
      : numbers.map((field) => ({ name: field, type: 'number', from: `request.${field}` })),
    examples: { source: 'labels', time: 'at', offsetMs: 0 },
    label: { source: 'labels', key: 'id', field: 'y', above: 0.5, waitMs: 86_400_000 },
    training: {
      ...{ recipe: 'gbdt', parameters: {}, seed: 1, minRows: 1, windowMs: 1, timeHoldoutMs: 1, timeoutMs: 1 },
      ...{ fixedHoldoutPercent: 10, fixedHoldoutSalt: 's' },
    },
    gates: { minRows: 1, minAuc: 0.5, minRecentGain: 0, maxFixedLoss: 0, confidence: 0.95 },
  };
}

const sources: readonly TypedResource[] = [
  { kind: 'Source', name: 'customers', revision: 1, spec: customerSource },
  { kind: 'Source', name: 'labels', revision: 1, spec: labels },
  { kind: 'FeatureView', name: viewName, revision: 1, spec: view },
];
const resourcesOf = (names: readonly Served[]): readonly TypedResource[] => [
  ...sources,
  ...names.map((name) => ({ kind: 'Model' as const, name, revision: 1, spec: specOf(name) })),
];

/** A gateway as it runs in service, with Kafka, Redis, a registry that knows the models, and their routes. */
export interface ServingWorld {
  /** On a core of its own where that can be. */
  readonly gateway: StartedGateway;
  /** Model files by name. */
  readonly files: Readonly<Record<ModelName, string>>;
  /** Another gateway beside it, or a pool of several workers, on all cores. */
  startAnother(workers: number): Promise<StartedGateway>;
  /** Predictions that are in Kafka, each counted as often as it is there. */
  logged(): Promise<{ readonly records: number; readonly decisions: number }>;
  close(): Promise<void>;
}

/** Starts everything; resolves when each model answers. */
export async function startServingWorld(names: readonly Served[] = modelNames): Promise<ServingWorld> {
  const folder = mkdtempSync(path.join(tmpdir(), 'everloop-bench-'));
  const closers: (() => unknown)[] = [
    () => {
      rmSync(folder, { recursive: true, force: true });
    },
  ];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).toReversed()) await closer();
  };
  try {
    return await build(names, folder, { closers, close });
  } catch (error) {
    await close();
    throw error;
  }
}

async function build(
  names: readonly Served[],
  folder: string,
  { closers, close }: { readonly closers: (() => unknown)[]; readonly close: () => Promise<void> },
): Promise<ServingWorld> {
  const log = (line: string): void => console.error(line);
  const [kafkaPort = 0, controllerPort = 0, redisPort = 0] = await freePorts(3);
  const kafka = await startLocalKafka({ dir: path.join(folder, 'kafka'), port: kafkaPort, controllerPort, log });
  closers.push(() => kafka.stop());
  const redis = await startLocalRedis({ dir: path.join(folder, 'redis'), port: redisPort, log });
  closers.push(() => redis.stop());
  if (canPin()) for (const pid of [kafka.process.pid, redis.process.pid, process.pid]) pin(pid, cores.others);
  await storeFeatures(redis.url);
  const objects = createObjectStore(path.join(folder, 'objects'));
  const digests = await putModels(objects);
  const registryServer = await startRegistry(digests);
  closers.push(() => registryServer.stop());
  const bus = createBus(kafka.brokers);
  await bus.start();
  closers.push(() => bus.stop());
  await publishResources(bus, names);
  let started = 0;
  const start = async (workers: number, isFree: boolean): Promise<StartedGateway> => {
    const env = {
      KAFKA_BROKERS: kafka.brokers,
      REDIS_URL: redis.url,
      EVL_REGISTRY_ADDRESS: `127.0.0.1:${registryServer.port}`,
      EVL_OBJECT_STORE: path.join(folder, 'objects'),
      EVL_DATA_DIR: path.join(folder, `data-${(started += 1)}`),
      EVL_GATEWAY_WORKERS: String(workers),
    };
    const gateway = await startGateway(env, { models: names, isFree });
    closers.push(() => gateway.close());
    return gateway;
  };
  const gateway = await start(1, false);
  const files = Object.fromEntries(modelNames.map((name) => [name, objects.path(digests[name])]));
  return {
    gateway,
    files: files as Record<ModelName, string>,
    startAnother: (workers) => start(workers, true),
    logged: () => countLogged(bus),
    close,
  };
}

/** The features of every customer, fresh for the whole bench. */
async function storeFeatures(url: string): Promise<void> {
  const logger = createLogger({ service: 'bench', level: 'error' });
  const redis = createRedis({ url, logger, name: 'redis' });
  await redis.start();
  const compiled = compileFromCatalog(viewName, catalogOf(sources));
  const atMs = Date.now() - 60_000;
  const rows = customers.map((customer, index) => {
    const values = Object.fromEntries(featureNames.map((name, column) => [name, ((index + column) % width) / width]));
    const event = viewEvent(compiled, { customer, at: atMs, ...values }, { offset: 0, recordedMs: atMs });
    const row = newRow(compiled);
    if (event !== null) applyEvent(compiled, row, event);
    return [rowKey(viewName, 0, customer), encodeRow(compiled, row), 86_400_000] as const;
  });
  await redis.setManyAtomic(rows);
  await redis.stop();
}

async function putModels(objects: ReturnType<typeof createObjectStore>): Promise<Record<Served, string>> {
  const [small, large] = [await objects.put(smallModel()), await objects.put(largeModel())];
  return { small, large, enriched: small, batched: large };
}

async function startRegistry(digests: Readonly<Record<string, string>>) {
  const server = createGrpcServer({
    ...{ name: 'registry', host: '127.0.0.1', port: 0, logger: createLogger({ service: 'bench', level: 'error' }) },
    services: [
      implement(
        { getVersion: registry.RegistryServiceService.getVersion },
        {
          getVersion: ({ model, version }) => {
            const artifacts = [{ name: 'model.onnx', digest: digests[model] ?? '', sizeBytes: 1 }];
            return { version: registry.ModelVersion.fromPartial({ model, version, artifacts }) };
          },
        },
      ),
    ],
  });
  await server.start();
  return server;
}

function createBus(brokers: string): Bus {
  const logger = createLogger({ service: 'bench', level: 'error' });
  return createKafkaBus({ brokers: brokers.split(','), clientId: 'bench', logger, metrics: createMetrics('bench') });
}

async function publishResources(bus: Bus, names: readonly Served[]): Promise<void> {
  await bus.ensureTopics([
    ...[topics.resources, topics.route].map((name) => ({ name, partitions: 1, compacted: true })),
    { name: validTopic(labels.topic), partitions },
  ]);
  const publisher = bus.publisher({ name: 'bench' });
  await publisher.start();
  const defined = resourcesOf(names).map((resource) => ({
    ...{ topic: topics.resources, partition: 0, key: resourceKey(resource) },
    value: JSON.stringify(registry.Resource.toJSON(toWire(resource))),
  }));
  const routed = names.map((model) => {
    const route = rollout.Route.fromPartial({ model, revision: '1', championVersion: '1', salt: model });
    return { topic: topics.route, partition: 0, key: model, value: JSON.stringify(rollout.Route.toJSON(route)) };
  });
  await publisher.publish([...defined, ...routed]);
  await publisher.stop();
}

async function countLogged(bus: Bus) {
  let records = 0;
  const decisions = new Set<string>();
  await bus.readAll([topics.inferenceServed], (batch) => {
    for (const { value } of batch.records) {
      if (value === null) continue;
      records += 1;
      decisions.add(serving.Inference.decode(value).decisionId);
    }
  });
  return { records, decisions: decisions.size };
}
