import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { features, validTopic } from '@everloop/contracts';
import { keyPartition } from '@everloop/features';
import type { BusRecord } from '@everloop/kafka';
import { openDuckDb, readParquetColumns, type DuckDb } from '@everloop/storage';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { HistoryTables } from '../src/adapters/history-tables.ts';
import { createParquetHistory } from '../src/adapters/parquet-history.ts';
import { createFeatureCalls, type FeatureCalls } from '../src/app/feature-calls.ts';
import { createFeatureSink } from '../src/app/feature-sink.ts';
import { OnlineWriter } from '../src/app/online-writer.ts';
import { topologyOf } from '../src/domain/topology.ts';
import { createTestDatasets } from './test-datasets.ts';
import { everyFunctionResources } from './every-function.ts';
import { memoryRows, silentTelemetry, type Arrival, type Trip } from './fixtures.ts';

const resources = everyFunctionResources('trips');
const topology = topologyOf(resources);
let duck: DuckDb;
let dir = '';
beforeAll(async () => {
  duck = await openDuckDb({ memoryLimitMib: 256, threads: 1 });
  dir = await mkdtemp(join(tmpdir(), 'evl-parity-'));
});
afterAll(async () => {
  duck.close();
  await rm(dir, { recursive: true });
});

interface Message {
  readonly topic: string;
  readonly key: string;
  /** `lag`: how long after the event it became known. */
  readonly value: (Trip | Arrival) & { readonly lag?: number };
}

/** Feeds messages through the sink, in batches, one log per topic partition; crashes lose memory but not what is stored. */
async function world(messages: readonly Message[], batchSize: number, crashEvery: number) {
  const folder = await mkdtemp(join(dir, 'world-'));
  const rows = memoryRows();
  const logs = new Map<string, BusRecord[]>();
  for (const { topic, key, value } of messages) {
    const partition = keyPartition(key, 2);
    const log = logs.get(`${topic}/${partition}`) ?? [];
    logs.set(`${topic}/${partition}`, log);
    log.push({
      topic,
      partition,
      offset: BigInt(log.length),
      key: Buffer.from(key),
      value: Buffer.from(JSON.stringify(value)),
      headers: {},
      timestampMs: value.at + (value.lag ?? 0),
    });
  }
  const open = async () => {
    const tables = new HistoryTables({ dataDir: folder, duck, bufferedRowsMax: 100, telemetry: silentTelemetry });
    const history = createParquetHistory({ duck, tables });
    const snapshots = await createTestDatasets(folder, duck, tables);
    // Tables of the process that was killed are dropped, as its memory would be.
    for (const { table } of topology.work.values()) await duck.run(`DROP TABLE IF EXISTS "newest.${table.topic}"`);
    await history.declare([...topology.work.values()].map(({ table }) => table));
    const online = new OnlineWriter(rows, 100, silentTelemetry);
    return {
      history,
      snapshots,
      sink: createFeatureSink({ topology, online, history, telemetry: silentTelemetry, ends: async () => 1e9 }),
    };
  };
  let process = await open();
  let batches = 0;
  for (const log of logs.values()) {
    const [first] = log;
    if (first === undefined) continue;
    const { topic, partition } = first;
    let at = Number((await process.sink.position(topic, partition)) ?? 0n);
    while (at < log.length) {
      const records = log.slice(at, at + batchSize);
      await process.sink.apply(
        { topic, partition, records },
        { nextOffset: BigInt(at + records.length), watermarkMs: null },
      );
      at += records.length;
      if (++batches % crashEvery === 0) {
        process = await open();
        at = Number((await process.sink.position(topic, partition)) ?? 0n);
        if (batches > 4 * messages.length) crashEvery = Infinity;
      }
    }
  }
  // What was read but not stored before the last crash is read again.
  for (const [key, log] of logs) {
    const [topic = '', partition = '0'] = key.split('/');
    const at = Number((await process.sink.position(topic, Number(partition))) ?? 0n);
    const records = log.slice(at);
    await process.sink.apply(
      { topic, partition: Number(partition), records },
      { nextOffset: BigInt(log.length), watermarkMs: null },
    );
  }
  const mget = (keys: readonly string[]): Promise<(Buffer | null)[]> => rows.load(keys);
  const calls = createFeatureCalls({
    topology: () => topology,
    mget,
    history: process.history,
    ...process.snapshots,
    telemetry: silentTelemetry,
  });
  return { calls, rows };
}

const at = fc.integer({ min: 0, max: 300 });
/** Most at once, some a little later, some after every window that could have held them. */
const lag = fc.oneof(fc.constant(0), fc.constant(0), fc.nat({ max: 15 }), fc.nat({ max: 250 }));
const tripNames = fc.constantFrom('t1', 't2', 't3', 't4', 't5', 't6');
const vehicles = fc.option(fc.constantFrom('v1', 'v2', 'v3'));
const trips = fc.record({
  trip: tripNames,
  origin: fc.constantFrom('a', 'b'),
  vehicle: vehicles,
  seats: fc.option(fc.integer({ min: 0, max: 9 })),
  miles: fc.integer({ min: 0, max: 99 }),
  leaves: at,
  at,
  lag,
});
const arrivals = fc.record({
  trip: tripNames,
  origin: fc.constantFrom('a', 'b'),
  vehicle: vehicles,
  delay: fc.option(fc.double({ min: -500, max: 5_000, noNaN: true })),
  at,
  lag,
});
const logs = fc.record({
  trips: fc.array(trips, { minLength: 1, maxLength: 30 }),
  arrivals: fc.array(arrivals, { minLength: 1, maxLength: 60 }),
});

function messagesOf(log: {
  readonly trips: readonly (Trip & { readonly lag?: number })[];
  readonly arrivals: readonly (Arrival & { readonly lag?: number })[];
}): Message[] {
  return [
    ...log.trips.map((value) => ({ topic: validTopic('trips.planned'), key: value.trip, value })),
    ...log.arrivals.map((value) => ({ topic: validTopic('trips.arrived'), key: value.trip, value })),
  ];
}

/** Rows to ask for, at times that are within reach of every online row. */
function questions(log: {
  readonly trips: readonly (Trip & { readonly lag?: number })[];
  readonly arrivals: readonly (Arrival & { readonly lag?: number })[];
}): features.EntityRow[] {
  const newest = Math.max(...[...log.trips, ...log.arrivals].map((event) => event.at + (event.lag ?? 0)));
  return ['t1', 't2', 't3', 't4', 't9'].flatMap((trip) =>
    [-100, -63, -20, -1, 0, 17, 400, 501].map((after) => ({
      asOfMs: newest + after,
      request: {
        trip: { kind: { $case: 'text', value: trip } },
        origin: { kind: { $case: 'text', value: trip < 't3' ? 'a' : 'b' } },
        miles: { kind: { $case: 'number', value: 3 } },
      } as const,
    })),
  );
}

async function ask(calls: FeatureCalls, model: string, log: Parameters<typeof questions>[0]) {
  const request = { model, rows: questions(log) };
  return { online: await calls.getOnline(request), historical: await calls.getHistorical(request) };
}

describe('online and offline features', () => {
  it('are the same for any log, late records, every function, batching and crashes', async () => {
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        logs,
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 2, max: 9 }),
        async (log, batch, crash) => {
          const { calls } = await world(messagesOf(log), batch, crash);
          for (const model of ['late', 'everything']) {
            const { online, historical } = await ask(calls, model, log);
            expect(online).toEqual(historical);
            for (const status of online.rows.flatMap(({ statuses }) => statuses)) seen.add(status);
          }
        },
      ),
      { numRuns: 15 },
    );
    expect([...seen].sort()).toEqual([
      'FEATURE_STATUS_NOT_FOUND',
      'FEATURE_STATUS_NULL_VALUE',
      'FEATURE_STATUS_OUTSIDE_MAX_AGE',
      'FEATURE_STATUS_PRESENT',
    ]);
  }, 120_000);
});

describe('a dataset', () => {
  const log = fc.sample(logs, { numRuns: 1, seed: 3 })[0] ?? { trips: [], arrivals: [] };

  it('has the same hash whatever the batching, and changes with the time it is as of', async () => {
    const range = { model: 'late', fromMs: 0, untilMs: 250, asOfMs: 280 };
    const request = features.CreateDatasetRequest.fromPartial(range);
    const first = await (await world(messagesOf(log), 5, 1_000)).calls.createDataset(request);
    const second = await (await world(messagesOf(log), 2, 3)).calls.createDataset(request);
    expect(second.dataset).toEqual(first.dataset);
    const { calls } = await world(messagesOf(log), 7, 1_000);
    expect(
      (await calls.createDataset(features.CreateDatasetRequest.fromPartial({ ...request, asOfMs: 60 }))).dataset
        ?.contentHash,
    ).not.toBe(first.dataset?.contentHash);
    const columns = [...(await readParquetColumns(first.path)).columns.keys()];
    const names = topology.models.get('late')?.inputs.map(({ name }) => name) ?? [];
    expect(columns).toEqual([...names, '__join_key', '__time_ms', '__label']);
  });

  it('holds what the online lookup would have said at the time of each row, and the first label', async () => {
    const { calls } = await world(messagesOf(log), 5, 1_000);
    const { dataset, path } = await calls.createDataset(
      features.CreateDatasetRequest.fromPartial({ model: 'late', fromMs: 0, untilMs: 300, asOfMs: 301 }),
    );
    const table = await readParquetColumns(path);
    expect(table.rows).toBe(dataset?.rows);
    expect(table.rows).toBeGreaterThan(5);
    const counted = await calls.countLabels({ model: 'late', asOfMs: 301, exclude: [] });
    expect(counted.rows).toBeGreaterThanOrEqual(table.rows);
    const keys = table.columns.get('__join_key')?.values as (string | null)[];
    keys.forEach((key, row) => {
      const labels = log.arrivals.filter(({ trip, delay }) => trip === key && delay !== null);
      const first = Math.min(...labels.map((label) => label.at));
      const possible = labels.filter((label) => label.at === first).map((label) => Number((label.delay ?? 0) > 15));
      expect(possible).toContain(table.columns.get('__label')?.values[row]);
    });
    const times = [...(table.columns.get('__time_ms')?.values ?? [])];
    expect(times).toEqual(times.toSorted((a, b) => Number(a) - Number(b)));
  });

  it('leaves out what was predicted, happened or got its label at an excluded time', async () => {
    const { calls } = await world(messagesOf(log), 5, 1_000);
    const range = { model: 'late', fromMs: 0, untilMs: 300, asOfMs: 301 };
    const request = features.CreateDatasetRequest.fromPartial(range);
    const all = await calls.createDataset(request);
    const reason = 'hold';
    const exclude = [{ fromMs: 100, untilMs: 160, reason }];
    const some = await calls.createDataset({ ...request, exclude });
    const rowsOf = async (path: string): Promise<{ key: unknown; at: number }[]> => {
      const table = await readParquetColumns(path);
      const times = table.columns.get('__time_ms')?.values ?? [];
      const keys = table.columns.get('__join_key')?.values ?? [];
      return Array.from({ length: table.rows }, (_, i) => ({ key: keys[i], at: Number(times[i]) }));
    };
    const held = (at: number): boolean => at >= 100 && at < 160;
    const labelAt = (key: unknown): number =>
      Math.min(...log.arrivals.filter(({ trip, delay }) => trip === key && delay !== null).map(({ at }) => at));
    const left = (await rowsOf(some.path)).map((row) => JSON.stringify(row));
    const possible = (await rowsOf(all.path)).filter(({ key, at }) => !held(at) && !held(labelAt(key)));
    expect(left.length).toBeLessThan(all.dataset?.rows ?? 0);
    expect(left.length).toBeGreaterThan(0);
    for (const row of left) expect(possible.map((each) => JSON.stringify(each))).toContain(row);
    expect((await calls.countLabels({ model: 'late', asOfMs: 301, exclude })).rows).toBeLessThan(
      (await calls.countLabels({ model: 'late', asOfMs: 301, exclude: [] })).rows,
    );
    const everything = [{ fromMs: 0, untilMs: 1_000, reason }];
    expect((await calls.createDataset({ ...request, exclude: everything })).dataset?.rows).toBe(0);
  });

  it('holds what is computed on demand, as computed from its own row by hand', async () => {
    const { calls } = await world(messagesOf(log), 5, 1_000);
    const range = { model: 'everything', fromMs: 0, untilMs: 300, asOfMs: 301 };
    const { path } = await calls.createDataset(features.CreateDatasetRequest.fromPartial(range));
    const { rows, columns } = await readParquetColumns(path);
    expect(rows).toBeGreaterThan(5);
    const number = (name: string, row: number): number => Number(columns.get(name)?.values[row]);
    let present = 0;
    for (let row = 0; row < rows; row += 1) {
      const ratio = number('place_total_35', row) / number('place_delays_35', row) - number('place_mean_120', row);
      expect(number('computed_ratio', row)).toBe(Number.isFinite(ratio) ? ratio : Number.NaN);
      const whole = number('plan_seats', row) * 2 + Math.floor(number('place_worst_35', row));
      expect(number('computed_whole', row)).toBe(whole);
      expect(number('computed_always', row)).toBe(2);
      if (Number.isFinite(ratio)) present += 1;
    }
    expect(present).toBeGreaterThan(0);
  });

  it('holds a list as the text that the online side gives, whole numbers too', async () => {
    const trip: Trip = { trip: 't1', origin: 'a', vehicle: 'v1', seats: 1, miles: 3, leaves: 90, at: 60 };
    const arrivals = [7, 0.5, 1e21, -2].map((delay, at) => ({ ...trip, trip: `u${at}`, delay, at: 50 + at }));
    const label = { trip: 't1', origin: 'b', vehicle: 'v9', delay: 20, at: 100 };
    const asked = { trips: [trip], arrivals: [...arrivals, label] };
    const { calls } = await world(messagesOf(asked), 5, 1_000);
    const range = { model: 'everything', fromMs: 0, untilMs: 300, asOfMs: 301 };
    const { path } = await calls.createDataset(features.CreateDatasetRequest.fromPartial(range));
    const { rows, columns } = await readParquetColumns(path);
    expect(rows).toBe(1);
    const of = (name: string): unknown => columns.get(name)?.values[0];
    expect([of('place_last_delays_120'), of('place_last_vehicles_120')]).toEqual(['[-2,1e+21,0.5]', '["v1","v1"]']);
    const { online } = await ask(calls, 'everything', asked);
    const names = topology.models.get('everything')?.inputs.map(({ name }) => name) ?? [];
    const seen = online.rows.map(({ values }) => values[names.indexOf('place_last_delays_120')]?.kind?.value);
    expect(seen).toContain(of('place_last_delays_120'));
  });

  it('is refused for a model that nobody applied', async () => {
    const { calls } = await world([], 1, 1);
    await expect(
      calls.createDataset(features.CreateDatasetRequest.fromPartial({ model: 'x', fromMs: 0, untilMs: 1, asOfMs: 1 })),
    ).rejects.toMatchObject({
      code: 'EVL_FEATURES_MODEL_NOT_FOUND',
    });
    await expect(
      calls.createDataset(
        features.CreateDatasetRequest.fromPartial({ model: 'late', fromMs: 1, untilMs: 1, asOfMs: 1 }),
      ),
    ).rejects.toMatchObject({
      code: 'EVL_FEATURES_REQUEST_INVALID',
    });
  });
});
