import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { resourceKey, registry, topics, toWire, validTopic, type TypedResource } from '@everloop/contracts';
import { keyPartition, onlineKeys, readingBy } from '@everloop/features';
import type { Bus, OutRecord, Publisher } from '@everloop/kafka';
import type { Health } from '@everloop/service';
import { createRedis, openDuckDb } from '@everloop/storage';
import { isolatedBus, testBus, testRedisUrl, uniqueName } from '@everloop/testing';

import { HistoryTables } from '../src/adapters/history-tables.ts';
import { createTestDatasets } from './test-datasets.ts';
import { createParquetHistory } from '../src/adapters/parquet-history.ts';
import { createRedisOnlineRows } from '../src/adapters/redis-online-rows.ts';
import { lookAtApplied } from '../src/app/applied-look.ts';
import { createFeatureCalls, type FeatureCalls } from '../src/app/feature-calls.ts';
import { LiveTopology } from '../src/app/live-topology.ts';
import type { AppliedSpan } from '../src/domain/applied-timeline.ts';
import type { Topology } from '../src/domain/topology.ts';
import type { History } from '../src/ports.ts';
import { silentTelemetry, tripResources, type Arrival, type Trip } from './fixtures.ts';

/** A database of its own, so that emptying it harms nobody. */
const database = 11;

/** Another Redis than that of the test run. */
export interface RedisPlatform {
  readonly url: string;
  /** Loses everything that it holds. */
  empty(): Promise<void>;
}

let platform: RedisPlatform | null = null;

/** All tests of this file use this Redis from now on; null: the one of the test run. */
export function useRedis(other: RedisPlatform | null): void {
  platform = other;
}

export function isCluster(): boolean {
  return redisUrl().startsWith('redis+cluster:');
}

export function redisUrl(): string {
  if (platform !== null) return platform.url;
  const url = new URL(testRedisUrl());
  url.pathname = `/${database}`;
  return url.toString();
}

/** Loses everything that is in this test's Redis database, or in the Redis that the file uses. */
export async function emptyRedis(): Promise<void> {
  if (platform !== null) return platform.empty();
  const url = new URL(testRedisUrl());
  const socket = connect(Number(url.port), url.hostname);
  await once(socket, 'connect');
  socket.write(`SELECT ${database}\r\nFLUSHDB\r\n`);
  let answer = '';
  while (answer.split('+OK').length < 3) answer += String((await once(socket, 'data'))[0]);
  socket.destroy();
}

/** A broker's worth of topics of its own, and the folder that a process finds again when it is started anew. */
export interface TripWorld {
  readonly bus: Bus;
  readonly publisher: Publisher;
  readonly resources: readonly TypedResource[];
  readonly dir: string;
  publish(events: { readonly trips?: readonly Trip[]; readonly arrivals?: readonly Arrival[] }): Promise<void>;
  /** Says that everything before `watermarkMs` was published. */
  pass(watermarkMs: number): Promise<void>;
  close(): Promise<void>;
}

export async function createTripWorld(): Promise<TripWorld> {
  const prefix = uniqueName('trips');
  const inner = await testBus();
  const bus = isolatedBus(inner, prefix);
  const resources = tripResources(`t${randomUUID().slice(0, 8)}`);
  const sources = resources.flatMap((resource) => (resource.kind === 'Source' ? [resource.spec] : []));
  const [planned = '', arrived = ''] = sources.map(({ topic }) => validTopic(topic));
  await bus.ensureTopics([
    { name: topics.resources, partitions: 1, compacted: true },
    ...sources.map(({ topic, partitions }) => ({ name: validTopic(topic), partitions })),
  ]);
  const publisher = bus.publisher({ name: 'trips' });
  await publisher.start();
  const record = (topic: string, value: Trip | Arrival): OutRecord => ({
    topic,
    key: value.trip,
    partition: keyPartition(value.trip, 2),
    value: JSON.stringify(value),
  });
  return {
    bus,
    publisher,
    resources,
    dir: await mkdtemp(join(tmpdir(), 'evl-feature-store-')),
    async publish({ trips = [], arrivals = [] }) {
      await publisher.publish([
        ...trips.map((trip) => record(planned, trip)),
        ...arrivals.map((arrival) => record(arrived, arrival)),
      ]);
    },
    async pass(watermarkMs) {
      await publisher.publishWatermark(planned, watermarkMs);
      await publisher.publishWatermark(arrived, watermarkMs);
    },
    async close() {
      await publisher.stop();
      await bus.stop();
    },
  };
}

/** Applies the resources, as the registry would. */
export async function applyAll(world: TripWorld): Promise<void> {
  await world.publisher.publish(
    world.resources.map((resource) => ({
      topic: topics.resources,
      partition: 0,
      key: resourceKey(resource),
      value: JSON.stringify(registry.Resource.toJSON(toWire(resource))),
    })),
  );
}

export interface RunningStore {
  readonly topology: () => Topology;
  readonly changedAtMs: (resource: string) => number;
  readonly history: History;
  readonly lookAtApplied: () => Promise<AppliedSpan>;
  readonly calls: FeatureCalls;
  /** Resolves when the store has passed an event time. */
  passed(watermarkMs: number): Promise<void>;
  readonly losses: () => number;
  health(): Health;
  redisHealth(): Health;
  /** Ends as a drained process does; with `kill` nothing that was not stored yet is stored. */
  stop(options?: { readonly kill: boolean }): Promise<void>;
}

/** The service of main.ts without its servers. */
export async function startStore(world: TripWorld, url: string = redisUrl()): Promise<RunningStore> {
  let watermark = -Infinity;
  let losses = 0;
  let waiting: { readonly at: number; readonly resolve: () => void }[] = [];
  const telemetry = {
    ...silentTelemetry,
    watermark(watermarkMs: number) {
      watermark = watermarkMs;
      for (const { at, resolve } of waiting) if (at <= watermarkMs) resolve();
      waiting = waiting.filter(({ at }) => at > watermarkMs);
    },
    onlineLost() {
      losses += 1;
      watermark = -Infinity;
    },
  };
  const redis = createRedis({ url, logger: telemetry.logger, name: 'redis', timeoutMs: 500 });
  await redis.start();
  const duck = await openDuckDb({ memoryLimitMib: 256, threads: 1 });
  const tables = new HistoryTables({ dataDir: world.dir, duck, bufferedRowsMax: 150, telemetry });
  const history = createParquetHistory({ duck, tables });
  let killed = false;
  const rows = createRedisOnlineRows(redis, 3_600_000);
  const live = new LiveTopology({
    bus: world.bus,
    rows,
    history: { ...history, flush: () => (killed ? Promise.resolve() : history.flush()) },
    telemetry,
    cachedRowsMax: 50,
    redisWatchMs: 100,
  });
  await live.start();
  return {
    topology: () => live.topology,
    changedAtMs: (resource) => live.changedAtMs(resource),
    history,
    lookAtApplied: () => lookAtApplied(rows, live.topology, Date.now),
    calls: createFeatureCalls({
      topology: () => live.topology,
      mget: readingBy(onlineKeys(redis.buckets), (keys) => redis.mgetBuffer(keys)),
      history,
      ...(await createTestDatasets(world.dir, duck, tables)),
      telemetry,
    }),
    passed: (at) => (watermark >= at ? Promise.resolve() : new Promise((resolve) => waiting.push({ at, resolve }))),
    losses: () => losses,
    health: () => live.health(),
    redisHealth: () => redis.health?.() ?? { ok: true },
    async stop(options) {
      killed = options?.kill ?? false;
      await live.stop();
      duck.close();
      await redis.stop();
    },
  };
}
