import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  registry,
  resourceKey,
  topics,
  toWire,
  validTopic,
  type FeatureViewSpec,
  type SourceSpec,
  type TypedResource,
} from '@everloop/contracts';
import { keyPartition } from '@everloop/features';
import { createKafkaBus, type Publisher } from '@everloop/kafka';
import { freePorts, startLocalKafka, startLocalRedis, superviseProcess } from '@everloop/local';
import { createLogger, createMetrics } from '@everloop/service';

/** Entities that are stored, and what a call asks for. */
export const entities = 10_000;
export const featureNames = Array.from({ length: 20 }, (_, index) => `f${String(index).padStart(2, '0')}`);
export const viewName = 'profile';
const partitions = 4;

export const source: SourceSpec = {
  topic: 'bench.customers',
  partitions,
  format: 'json',
  key: 'customer',
  eventTime: 'at',
  allowedLatenessMs: 0,
  unexpected: 'reject',
  compatibility: 'backward',
  unique: [],
  rules: [],
  fields: {
    customer: { type: 'string', required: true },
    at: { type: 'timestamp', required: true },
    ...Object.fromEntries(featureNames.map((name) => [name, { type: 'number', required: false } as const])),
  },
};

export const view: FeatureViewSpec = {
  source: 'customers',
  entity: 'customer',
  columns: featureNames,
  aggregations: [],
  hopMs: 0,
  ttlMs: 365 * 86_400_000,
  readBehindMs: 3_600_000,
  description: 'twenty numbers of a customer',
  owner: 'bench',
};

const resources: readonly TypedResource[] = [
  { kind: 'Source', name: 'customers', revision: 1, spec: source },
  { kind: 'FeatureView', name: viewName, revision: 1, spec: view },
];

/** A Kafka, a Redis and a feature store as they run in service, with the rows of all entities. */
export interface FeaturesWorld {
  readonly redisUrl: string;
  readonly grpcAddress: string;
  /** CPU seconds that the feature store's process has used so far, by its own metrics. */
  serviceCpuSeconds(): Promise<number>;
  close(): Promise<void>;
}

export function entityName(index: number): string {
  return `customer-${index}`;
}

async function publishRows(publisher: Publisher, atMs: number): Promise<void> {
  const topic = validTopic(source.topic);
  for (let from = 0; from < entities; from += 1_000) {
    await publisher.publish(
      Array.from({ length: 1_000 }, (_, offset) => {
        const customer = entityName(from + offset);
        const values = featureNames.map((name, column) => [name, (from + offset) * 1.25 + column] as const);
        return {
          topic,
          key: customer,
          partition: keyPartition(customer, partitions),
          value: JSON.stringify({ customer, at: atMs, ...Object.fromEntries(values) }),
        };
      }),
    );
  }
}

/** Starts everything; the rows are on the log, and soon in Redis. */
export async function startFeaturesWorld(): Promise<FeaturesWorld> {
  const folder = mkdtempSync(path.join(tmpdir(), 'everloop-bench-'));
  const [port = 0, controllerPort = 0, redisPort = 0, http = 0, grpc = 0] = await freePorts(5);
  const log = (line: string): void => console.error(line);
  const started: { stop(): Promise<unknown> }[] = [];
  const close = async (): Promise<void> => {
    for (const part of started.splice(0).toReversed()) await part.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const kafka = await startLocalKafka({ dir: path.join(folder, 'kafka'), port, controllerPort, log });
    started.push(kafka);
    const redis = await startLocalRedis({ dir: path.join(folder, 'redis'), port: redisPort, log });
    started.push(redis);
    await fillLog(kafka.brokers);
    const service = superviseProcess({
      name: 'feature-store',
      command: process.execPath,
      args: [path.resolve(import.meta.dirname, '../../services/feature-store/src/main.ts')],
      env: {
        PATH: process.env['PATH'],
        KAFKA_BROKERS: kafka.brokers,
        REDIS_URL: redis.url,
        EVL_HTTP_PORT: String(http),
        EVL_GRPC_PORT: String(grpc),
        EVL_FEAST_PORT: '0',
        EVL_DATA_DIR: path.join(folder, 'data'),
        EVL_OBJECT_STORE: path.join(folder, 'objects'),
      },
      logFile: path.join(folder, 'feature-store.log'),
      ready: { url: `http://127.0.0.1:${http}/readyz` },
    });
    started.push(service);
    await service.ready;
    return {
      redisUrl: redis.url,
      grpcAddress: `127.0.0.1:${grpc}`,
      async serviceCpuSeconds() {
        const text = await (await fetch(`http://127.0.0.1:${http}/metrics`)).text();
        return Number(/^process_cpu_seconds_total\S* (\S+)/m.exec(text)?.[1]);
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function fillLog(brokers: string): Promise<void> {
  const logger = createLogger({ service: 'bench', level: 'error' });
  const bus = createKafkaBus({
    brokers: brokers.split(','),
    clientId: 'bench',
    logger,
    metrics: createMetrics('bench'),
  });
  await bus.start();
  const publisher = bus.publisher({ name: 'bench' });
  try {
    await bus.ensureTopics([
      { name: topics.resources, partitions: 1, compacted: true },
      { name: validTopic(source.topic), partitions },
    ]);
    await publisher.start();
    await publisher.publish(
      resources.map((resource) => ({
        topic: topics.resources,
        partition: 0,
        key: resourceKey(resource),
        value: JSON.stringify(registry.Resource.toJSON(toWire(resource))),
      })),
    );
    await publishRows(publisher, Date.now() - 60_000);
  } finally {
    await publisher.stop();
    await bus.stop();
  }
}
