import { schemaRegistries } from '@everloop/records';
import { rm } from 'node:fs/promises';

import { validTopic } from '@everloop/contracts';
import { keyPartition, onlineKeys, readingBy } from '@everloop/features';
import type { OutRecord } from '@everloop/kafka';
import type { Part } from '@everloop/service';
import { createRedis, openDuckDb } from '@everloop/storage';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { HistoryTables } from '../src/adapters/history-tables.ts';
import { createParquetHistory } from '../src/adapters/parquet-history.ts';
import { createRedisOnlineRows } from '../src/adapters/redis-online-rows.ts';
import { AppliedPlaces } from '../src/app/applied-places.ts';
import { createFeatureCalls } from '../src/app/feature-calls.ts';
import { LiveTopology } from '../src/app/live-topology.ts';
import { createPushCalls, type PushCalls } from '../src/app/push-calls.ts';
import { silentTelemetry, type Trip } from './fixtures.ts';
import { createTestDatasets } from './test-datasets.ts';
import { applyAll, createTripWorld, emptyRedis, redisUrl, type TripWorld } from './trip-service.ts';

let world: TripWorld;
let push: PushCalls;
let topic = '';
const parts: { stop(): Promise<void> }[] = [];
let seats: (trip: string) => Promise<number | null>;

beforeAll(async () => {
  await emptyRedis();
  world = await createTripWorld();
  const planned = world.resources.find(({ name }) => name === 'planned');
  topic = planned?.kind === 'Source' ? planned.spec.topic : '';
  await world.bus.ensureTopics([{ name: topic, partitions: 2 }]);
  parts.push(await startValidator());
  const redis = createRedis({ url: redisUrl(), logger: silentTelemetry.logger, name: 'redis' });
  await redis.start();
  const duck = await openDuckDb({ memoryLimitMib: 256, threads: 1 });
  const tables = new HistoryTables({ dataDir: world.dir, duck, bufferedRowsMax: 150, telemetry: silentTelemetry });
  const history = createParquetHistory({ duck, tables });
  const applied = new AppliedPlaces();
  const live = new LiveTopology({
    bus: world.bus,
    rows: createRedisOnlineRows(redis, 3_600_000),
    history,
    telemetry: silentTelemetry,
    cachedRowsMax: 50,
    redisWatchMs: 1_000,
    onApplied: (places) => applied.applied(places),
  });
  await applyAll(world);
  await live.start();
  push = createPushCalls({
    topology: () => live.topology,
    publisher: world.publisher,
    registryOf: schemaRegistries({}),
    applied,
    materialise: (asked) => live.materialise(asked),
    now: Date.now,
    telemetry: silentTelemetry,
  });
  const calls = createFeatureCalls({
    topology: () => live.topology,
    mget: readingBy(onlineKeys(redis.buckets), (keys) => redis.mgetBuffer(keys)),
    history,
    ...(await createTestDatasets(world.dir, duck, tables)),
    telemetry: silentTelemetry,
  });
  seats = async (trip) => {
    const text = (value: string) => ({ kind: { $case: 'text' as const, value } });
    const row = { request: { trip: text(trip), origin: text('o'), miles: text('') }, asOfMs: 1_000 };
    const { names, rows } = await calls.getOnline({ model: 'late', rows: [row] });
    const kind = rows[0]?.values[names.indexOf('seats')]?.kind;
    return kind?.$case === 'number' ? kind.value : null;
  };
  const stores = {
    async stop() {
      duck.close();
      await redis.stop();
    },
  };
  parts.push(stores, live);
  // The topology is there 200 ms after the last resource.
  for (;;) {
    const answer = await push.push({ source: 'planned', recordsJson: [], waitMs: 0 }).catch(() => null);
    if (answer !== null) break;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
});
afterAll(async () => {
  for (const part of parts.reverse()) await part.stop();
  await world.close();
  await rm(world.dir, { recursive: true, force: true });
});

/** What the validator does with records that keep the contract. */
async function startValidator(): Promise<Part> {
  const tasks = world.bus.tasks({
    groupId: 'validator',
    inputs: [topic],
    createHandler: () => ({
      onRecords(batch, context) {
        for (const { key, value, headers, offset, partition } of batch.records) {
          const source = { ...headers, 'evl-src': `${topic}/${partition}/${offset}` };
          context.emit({ topic: validTopic(topic), partition, key, value, headers: source });
        }
      },
    }),
  });
  await tasks.start();
  return tasks;
}

function planned(trip: string, at: number, value: number): Trip {
  return { trip, origin: 'o', vehicle: null, seats: value, miles: 1, leaves: at, at };
}

it('a pushed record is on the log, its place is told, and it can be waited for', { timeout: 60_000 }, async () => {
  const record = JSON.stringify(planned('pushed', 500, 3));
  const { results } = await push.push({ source: 'planned', recordsJson: [record, '{}'], waitMs: 30_000 });
  expect(results).toMatchObject([
    { outcome: 'PUSH_OUTCOME_APPLIED', partition: keyPartition('pushed', 2) },
    { outcome: 'PUSH_OUTCOME_REFUSED' },
  ]);
  expect(await seats('pushed')).toBe(3);
  const [first] = results;
  const records: string[] = [];
  await world.bus.readAll([topic], (batch) => {
    for (const one of batch.records)
      if (one.partition === first?.partition && Number(one.offset) === first.offset) records.push(String(one.value));
  });
  expect(records).toEqual([record]);
});

it(
  'stream, push and backfill at once on the same entities: the newest event time wins',
  { timeout: 120_000 },
  async () => {
    const trips = Array.from({ length: 12 }, (_, i) => `race-${i}`);
    const sent: Trip[] = [];
    /** Event times differ, and no order of arrival is the order of event times. */
    const series = (from: number): Trip[] => {
      const made = Array.from({ length: 240 }, (_, i) =>
        planned(trips[(i * 7) % 12] ?? '', 100 + ((i * 37 + from) % 800), from * 10_000 + i),
      );
      sent.push(...made);
      return made;
    };
    const record = (trip: Trip): OutRecord => ({ topic, key: trip.trip, value: JSON.stringify(trip) });
    const stream = async (): Promise<void> => {
      for (const trip of series(1)) await world.publisher.publish([record(trip)]);
    };
    const backfill = async (): Promise<void> => {
      const rows = series(2);
      for (let i = 0; i < rows.length; i += 40) await world.publisher.publish(rows.slice(i, i + 40).map(record));
    };
    const pushing = async (): Promise<void> => {
      const rows = series(3).map((trip) => JSON.stringify(trip));
      for (let i = 0; i < rows.length; i += 8)
        await push.push({ source: 'planned', recordsJson: rows.slice(i, i + 8), waitMs: 0 });
    };
    await Promise.all([stream(), backfill(), pushing()]);
    // One last record for each partition, so that everything before is applied.
    const last = trips.map((trip) => JSON.stringify(planned(trip, 1, -1)));
    const { results } = await push.push({ source: 'planned', recordsJson: last, waitMs: 30_000 });
    expect(new Set(results.map(({ outcome }) => outcome))).toEqual(new Set(['PUSH_OUTCOME_APPLIED']));
    // Recomputed from the log: event time, then offset (a key has one partition).
    const newest = new Map<string, { at: number; offset: bigint; seats: number | null }>();
    await world.bus.readAll([topic], (batch) => {
      for (const { value, offset } of batch.records) {
        const trip = JSON.parse(String(value)) as Trip;
        const known = newest.get(trip.trip);
        if (known === undefined || trip.at > known.at || (trip.at === known.at && offset > known.offset))
          newest.set(trip.trip, { at: trip.at, offset, seats: trip.seats });
      }
    });
    expect(sent).toHaveLength(720);
    for (const trip of trips) expect([trip, await seats(trip)]).toEqual([trip, newest.get(trip)?.seats]);
    const made = await push.materialize({ views: ['plan'], fromMs: 0, untilMs: 0 });
    expect(made.rows).toBeGreaterThanOrEqual(12);
    for (const trip of trips) expect([trip, await seats(trip)]).toEqual([trip, newest.get(trip)?.seats]);
  },
);
