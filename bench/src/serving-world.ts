import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ChildProcess } from 'node:child_process';
import {
  inference,
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
import { connect, createGrpcServer, implement, type GrpcClient } from '@everloop/grpc';
import { createKafkaBus, type Bus } from '@everloop/kafka';
import { freePorts, startLocalKafka, startLocalRedis } from '@everloop/local';
import { createLogger, createMetrics, pause } from '@everloop/service';
import { createObjectStore, createRedis } from '@everloop/storage';
import { entityName, featureNames, source as customerSource, view, viewName } from './features-world.ts';
import { canPin, cpuSecondsOf, pin } from './process-stats.ts';
import { fieldName, width } from './serving-message.ts';
import { largeModel, smallModel } from './serving-models.ts';
import { cores, program } from './subject.ts';

const partitions = 4;
/** The models that are asked: 20 numbers of the request through trees or a perceptron, and 20 stored features through the trees. */
export const modelNames = ['small', 'large', 'enriched'] as const;
export type ModelName = (typeof modelNames)[number];

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

function specOf(name: ModelName): ModelSpec {
  const isEnriched = name === 'enriched';
  const numbers = Array.from({ length: width }, (_, column) => fieldName(column));
  return {
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

const resources: readonly TypedResource[] = [
  { kind: 'Source', name: 'customers', revision: 1, spec: customerSource },
  { kind: 'Source', name: 'labels', revision: 1, spec: labels },
  { kind: 'FeatureView', name: viewName, revision: 1, spec: view },
  ...modelNames.map((name) => ({ kind: 'Model' as const, name, revision: 1, spec: specOf(name) })),
];

/** A gateway as it runs in service, with Kafka, Redis, a registry that knows three models, and their routes. */
export interface ServingWorld {
  readonly gateway: Subject;
  /** Model files by name. */
  readonly files: Readonly<Record<ModelName, string>>;
  readonly client: GrpcClient<typeof inference.GRPCInferenceServiceService>;
  /** Predictions that are in Kafka, each counted as often as it is there. */
  logged(): Promise<{ readonly records: number; readonly decisions: number }>;
  close(): Promise<void>;
}

/** A server with its processes. */
export interface Subject {
  readonly address: string;
  /** CPU seconds of all its processes so far. */
  cpuSeconds(): number;
}

/** Starts everything; resolves when each model answers. */
export async function startServingWorld(): Promise<ServingWorld> {
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
    return await build(folder, closers, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function build(folder: string, closers: (() => unknown)[], close: () => Promise<void>): Promise<ServingWorld> {
  const log = (line: string): void => console.error(line);
  const [kafkaPort = 0, controllerPort = 0, redisPort = 0, http = 0, grpc = 0] = await freePorts(5);
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
  await publishResources(bus);
  const gateway = startGateway({
    KAFKA_BROKERS: kafka.brokers,
    REDIS_URL: redis.url,
    EVL_HTTP_PORT: String(http),
    EVL_GRPC_PORT: String(grpc),
    EVL_REGISTRY_ADDRESS: `127.0.0.1:${registryServer.port}`,
    EVL_OBJECT_STORE: path.join(folder, 'objects'),
    EVL_DATA_DIR: path.join(folder, 'data'),
  });
  closers.push(async () => {
    const ended = once(gateway, 'exit');
    gateway.kill('SIGTERM');
    await ended;
  });
  const address = `127.0.0.1:${grpc}`;
  const client = connect(inference.GRPCInferenceServiceService, address, { name: 'bench', deadlineMs: 5_000 });
  closers.push(() => {
    client.close();
  });
  await untilReady(client, gateway);
  const files = Object.fromEntries(modelNames.map((name) => [name, objects.path(digests[name])]));
  return {
    gateway: { address, cpuSeconds: () => familyOf(gateway.pid ?? 0).reduce((sum, pid) => sum + cpuSecondsOf(pid), 0) },
    files: files as Record<ModelName, string>,
    client,
    logged: () => countLogged(bus),
    close,
  };
}

/** The features of every customer, fresh for the whole bench. */
async function storeFeatures(url: string): Promise<void> {
  const logger = createLogger({ service: 'bench', level: 'error' });
  const redis = createRedis({ url, logger, name: 'redis' });
  await redis.start();
  const compiled = compileFromCatalog(viewName, catalogOf(resources));
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

async function putModels(objects: ReturnType<typeof createObjectStore>): Promise<Record<ModelName, string>> {
  const small = await objects.put(smallModel());
  return { small, large: await objects.put(largeModel()), enriched: small };
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

async function publishResources(bus: Bus): Promise<void> {
  await bus.ensureTopics([
    ...[topics.resources, topics.route].map((name) => ({ name, partitions: 1, compacted: true })),
    { name: validTopic(labels.topic), partitions },
  ]);
  const publisher = bus.publisher({ name: 'bench' });
  await publisher.start();
  const defined = resources.map((resource) => ({
    ...{ topic: topics.resources, partition: 0, key: resourceKey(resource) },
    value: JSON.stringify(registry.Resource.toJSON(toWire(resource))),
  }));
  const routed = modelNames.map((model) => {
    const route = rollout.Route.fromPartial({ model, revision: '1', championVersion: '1', salt: model });
    return { topic: topics.route, partition: 0, key: model, value: JSON.stringify(rollout.Route.toJSON(route)) };
  });
  await publisher.publish([...defined, ...routed]);
  await publisher.stop();
}

function startGateway(env: Readonly<Record<string, string>>): ChildProcess {
  const profiles = process.env['EVL_BENCH_PROFILES'];
  const profiling = profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`];
  // As `npm start` starts it.
  const flags = ['--max-old-space-size=384', '--max-semi-space-size=64', '--min-semi-space-size=32', ...profiling];
  return program('../../services/gateway/src/main.ts', [], { ...env, EVL_LOG_LEVEL: 'warn' }, flags);
}

async function untilReady(client: ServingWorld['client'], gateway: ChildProcess): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    const asked = await Promise.allSettled(modelNames.map((name) => client.modelReady({ name, version: '' })));
    if (asked.every((each) => each.status === 'fulfilled' && each.value.ready)) return;
    if (tries > 600 || gateway.exitCode !== null) throw new Error('the gateway did not become ready');
    await pause(100);
  }
}

/** A process with all that it has started. */
function familyOf(pid: number): readonly number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').map(Number);
  return [pid, ...children.filter((child) => child > 0).flatMap(familyOf)];
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
