import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { quarantineTopic, registry, resourceKey, topics, toWire, validTopic } from '@everloop/contracts';
import { positionKey } from '@everloop/features';
import { createKafkaBus, type Bus, type OutRecord, type Publisher } from '@everloop/kafka';
import { cacheFolder, freePorts, startLocalKafka, startLocalRedis } from '@everloop/local';
import { createLogger, createMetrics } from '@everloop/service';
import { createRedis, type DuckDb } from '@everloop/storage';
import { partitionNumbers, partitions, rideResources, topic } from './rides.ts';

const valid = validTopic(topic);
const quarantine = quarantineTopic(topic);

/** A broker and a Redis of its own, and what a test wants to know of them. */
export interface World {
  readonly folder: string;
  /** What the services are told. */
  readonly env: Readonly<Record<string, string>>;
  publish(records: Iterable<OutRecord>): Promise<void>;
  /** Says in every partition that nothing older follows. */
  publishWatermark(watermarkMs: number): Promise<void>;
  /** The same of the raw topic: how much has come in. */
  published(): Promise<readonly number[]>;
  /** Ends of the committed part of each partition of `<topic>.valid`: how far the validator is. */
  validated(): Promise<readonly number[]>;
  /** The same of what the online rows hold: how far the feature store is. */
  applied(): Promise<readonly number[]>;
  /** How many records are in one of the three topics, marks left out. */
  count(which: 'raw' | 'valid' | 'quarantine'): Promise<number>;
  /** Records of raw, valid and quarantine into the tables of these names. */
  load(duck: DuckDb): Promise<void>;
  close(): Promise<void>;
}

const publishedTogether = 5_000;

export async function createWorld(options: {
  readonly log: (line: string) => void;
  /** Size of a Parquet file. */
  readonly bufferedRows: number;
  /** Where rows come from; see `rideResources`. */
  readonly batch?: string;
}): Promise<World> {
  const { log } = options;
  mkdirSync(cacheFolder(), { recursive: true });
  const folder = mkdtempSync(path.join(cacheFolder(), 'data-faults-'));
  const [kafkaPort = 0, controllerPort = 0, redisPort = 0] = await freePorts(3);
  const [kafka, redis] = await Promise.all([
    startLocalKafka({ dir: path.join(folder, 'kafka'), port: kafkaPort, controllerPort, log }),
    startLocalRedis({ dir: path.join(folder, 'redis'), port: redisPort, log }),
  ]);
  const logger = createLogger({ service: 'data-faults', level: 'error' });
  const bus = createKafkaBus({
    brokers: [kafka.brokers],
    clientId: 'data-faults',
    logger,
    metrics: createMetrics('data_faults'),
  });
  await bus.start();
  const store = createRedis({ url: redis.url, logger, name: 'redis' });
  await store.start();
  const publisher = bus.publisher({ name: 'rides', queueBytesMax: 256 * 1_048_576 });
  await publisher.start();
  await prepare(bus, publisher, options.batch ?? null);
  return {
    folder,
    env: {
      KAFKA_BROKERS: kafka.brokers,
      REDIS_URL: redis.url,
      EVL_DATA_DIR: path.join(folder, 'feature-store'),
      EVL_OBJECT_STORE: path.join(folder, 'objects'),
      EVL_FEATURES_BUFFERED_ROWS: String(options.bufferedRows),
      NODE_COMPILE_CACHE: path.join(folder, 'compiled'),
    },
    async publish(records) {
      let portion: OutRecord[] = [];
      for (const record of records) {
        portion.push(record);
        if (portion.length < publishedTogether) continue;
        await publisher.publish(portion);
        portion = [];
      }
      await publisher.publish(portion);
    },
    publishWatermark: (watermarkMs) => publisher.publishWatermark(topic, watermarkMs),
    published: () => ends(bus, topic),
    validated: () => ends(bus, valid),
    async applied() {
      const found = await Promise.all(partitionNumbers.map((number) => store.getBuffer(positionKey(valid, number))));
      return found.map((token) => Number.parseInt(token?.toString() ?? '0', 10));
    },
    async count(which) {
      let count = 0;
      await bus.readAll([{ raw: topic, valid, quarantine }[which]], ({ records }) => {
        count += records.length;
      });
      return count;
    },
    load: (duck) => loadTopics(bus, duck),
    async close() {
      await publisher.stop();
      await Promise.all([store.stop(), bus.stop()]);
      await Promise.all([kafka.stop(), redis.stop()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function ends(bus: Bus, name: string): Promise<readonly number[]> {
  const offsets = await bus.offsets(name);
  return partitionNumbers.map((number) => Number(offsets.find(({ partition }) => partition === number)?.high ?? 0));
}

async function prepare(bus: Bus, publisher: Publisher, batch: string | null): Promise<void> {
  await bus.ensureTopics([
    { name: topics.resources, partitions: 1, compacted: true },
    { name: topic, partitions },
  ]);
  await publisher.publish(
    rideResources(batch).map((resource) => ({
      topic: topics.resources,
      partition: 0,
      key: resourceKey(resource),
      value: JSON.stringify(registry.Resource.toJSON(toWire(resource))),
    })),
  );
}

async function loadTopics(bus: Bus, duck: DuckDb): Promise<void> {
  await duck.run('CREATE TABLE raw (p INTEGER, o BIGINT, v VARCHAR)');
  await bus.readAll([topic], ({ partition, records }) =>
    duck.insertRows(
      'raw',
      records.map(({ offset, value }) => [partition, offset, value?.toString() ?? null]),
    ),
  );
  for (const [table, name] of [
    ['valid', valid],
    ['quarantine', quarantine],
  ] as const) {
    await duck.run(`CREATE TABLE ${table} (p INTEGER, o BIGINT, src VARCHAR, v VARCHAR)`);
    await bus.readAll([name], ({ partition, records }) =>
      duck.insertRows(
        table,
        records.map(({ offset, value, headers }) => [
          partition,
          offset,
          headers['evl-src'] ?? '',
          value?.toString() ?? null,
        ]),
      ),
    );
  }
}
