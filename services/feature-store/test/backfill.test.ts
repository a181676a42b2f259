import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { keyPartition } from '@everloop/features';
import type { BusRecord } from '@everloop/kafka';
import { openDuckDb, type DuckDb } from '@everloop/storage';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { HistoryTables } from '../src/adapters/history-tables.ts';
import { createParquetHistory } from '../src/adapters/parquet-history.ts';
import { createFeatureSink } from '../src/app/feature-sink.ts';
import { OnlineWriter } from '../src/app/online-writer.ts';
import { topologyOf } from '../src/domain/topology.ts';
import type { History, OnlineRows } from '../src/ports.ts';
import { memoryRows, silentTelemetry, tripResources, type Arrival } from './fixtures.ts';

const topology = topologyOf(tripResources('trips'));
const topic = 'trips.arrived.valid';
let duck: DuckDb;
let dir = '';
beforeAll(async () => {
  duck = await openDuckDb({ memoryLimitMib: 256, threads: 1 });
  dir = await mkdtemp(join(tmpdir(), 'evl-backfill-'));
});
afterAll(async () => {
  duck.close();
  await rm(dir, { recursive: true });
});

async function openHistory(): Promise<History> {
  for (const { table } of topology.work.values()) await duck.run(`DROP TABLE IF EXISTS "newest.${table.topic}"`);
  const folder = await mkdtemp(join(dir, 'world-'));
  const tables = new HistoryTables({ dataDir: folder, duck, bufferedRowsMax: 25, telemetry: silentTelemetry });
  const history = createParquetHistory({ duck, tables });
  await history.declare([...topology.work.values()].map(({ table }) => table));
  return history;
}

/** A sink over rows and history; the topic keeps offsets from `start` on. */
function sinkOver(rows: OnlineRows, history: History, start: number) {
  const online = new OnlineWriter(rows, 20, silentTelemetry);
  return createFeatureSink({
    topology,
    online,
    history,
    telemetry: silentTelemetry,
    starts: async () => start,
    ends: async () => 1e9,
  });
}

function log(arrivals: readonly Arrival[]): BusRecord[] {
  return arrivals.map((value, i) => ({
    topic,
    partition: 0,
    offset: BigInt(i * 2),
    key: Buffer.from(value.trip),
    value: Buffer.from(JSON.stringify(value)),
    headers: {},
    timestampMs: 0,
  }));
}

const trips = ['t1', 't2', 't3', 't4', 't5', 't6', 't7'].filter((trip) => keyPartition(trip, 2) === 0);
const arrivals = fc.array(
  fc.record({
    trip: fc.constantFrom(...trips),
    origin: fc.constantFrom('a', 'b'),
    vehicle: fc.option(fc.constantFrom('v1', 'v2')),
    delay: fc.option(fc.double({ noNaN: true, min: -1e6, max: 1e6 })),
    at: fc.integer({ min: 0, max: 400 }),
  }),
  { minLength: 1, maxLength: 80 },
);

describe('rows out of the history', () => {
  it(
    'are those of the stream, bit for bit: all of them, or from where the topic begins',
    { timeout: 120_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(arrivals, fc.nat(80), fc.nat(80), async (events, applied, start) => {
          const records = log(events);
          const history = await openHistory();
          const streamed = memoryRows();
          const all = sinkOver(streamed, history, 0);
          await all.position(topic, 0);
          await all.apply(
            { topic, partition: 0, records },
            { nextOffset: BigInt(records.length * 2), watermarkMs: null },
          );
          const rebuilt = memoryRows();
          const first = sinkOver(rebuilt, history, 0);
          await first.position(topic, 0);
          const before = records.slice(0, Math.min(applied, records.length - 1));
          await first.apply(
            { topic, partition: 0, records: before },
            { nextOffset: BigInt(before.length * 2), watermarkMs: null },
          );
          // Another process, and by now the topic begins later.
          const second = sinkOver(rebuilt, history, Math.max(start, before.length * 2 + 1));
          const next = Number(await second.position(topic, 0));
          const rest = records.filter(({ offset }) => offset >= next);
          if (rest.length > 0)
            await second.apply(
              { topic, partition: 0, records: rest },
              { nextOffset: BigInt(records.length * 2), watermarkMs: null },
            );
          expect(hex(rebuilt.stored)).toEqual(hex(streamed.stored));
        }),
        { numRuns: 40 },
      );
    },
  );

  it('made anew they are the same; a damaged row is repaired where its entity has an event in the range', async () => {
    const events = Array.from({ length: 60 }, (_, i): Arrival => {
      const [trip = 't1'] = [trips[i % trips.length]];
      return { trip, origin: i % 2 === 0 ? 'a' : 'b', vehicle: `v${i % 3}`, delay: i / 4, at: i * 5 };
    });
    const history = await openHistory();
    const rows = memoryRows();
    const sink = sinkOver(rows, history, 0);
    await sink.position(topic, 0);
    await sink.apply({ topic, partition: 0, records: log(events) }, { nextOffset: 120n, watermarkMs: null });
    const right = hex(rows.stored);
    expect(await sink.materialise(topic, 0, { views: null, range: null })).toEqual({ rows: right.size, records: 60 });
    expect(hex(rows.stored)).toEqual(right);
    for (const key of rows.stored.keys()) rows.stored.set(key, Buffer.from('damaged'));
    const some = await sink.materialise(topic, 0, { views: new Set(['vehicle']), range: { fromMs: 0, untilMs: 6 } });
    expect(some).toEqual({ rows: 2, records: 60 });
    const repaired = [...hex(rows.stored)].filter(([key, row]) => right.get(key) === row).map(([key]) => key);
    expect(repaired).toHaveLength(2);
    await sink.materialise(topic, 0, { views: null, range: null });
    expect(hex(rows.stored)).toEqual(right);
  });

  it('are refused while the history is behind the rows', async () => {
    const rows = memoryRows();
    const events = log([{ trip: trips[0] ?? '', origin: 'a', vehicle: null, delay: 1, at: 5 }]);
    const full = sinkOver(rows, await openHistory(), 0);
    await full.position(topic, 0);
    await full.apply({ topic, partition: 0, records: events }, { nextOffset: 2n, watermarkMs: null });
    const empty = sinkOver(rows, await openHistory(), 0);
    await expect(empty.materialise(topic, 0, { views: null, range: null })).rejects.toMatchObject({
      code: 'EVL_FEATURES_HISTORY_BEHIND',
      kind: 'retryable',
    });
  });

  it('what neither has is said once, and reading begins where the topic does', async () => {
    const gone: number[][] = [];
    const online = new OnlineWriter(memoryRows(), 10, silentTelemetry);
    const sink = createFeatureSink({
      topology,
      online,
      history: await openHistory(),
      telemetry: {
        ...silentTelemetry,
        recordsGone: (_topic, _partition, from, until) => void gone.push([from, until]),
      },
      starts: async () => 10,
      ends: async () => 20,
    });
    expect(await sink.position(topic, 0)).toBe(10n);
    expect(gone).toEqual([]);
    await sink.apply(
      {
        topic,
        partition: 0,
        records: log([{ trip: trips[0] ?? '', origin: 'a', vehicle: null, delay: 1, at: 5 }]).map((r) => ({
          ...r,
          offset: 4n,
        })),
      },
      { nextOffset: 5n, watermarkMs: null },
    );
    expect(await sink.position(topic, 0)).toBe(10n);
    expect(gone).toEqual([[5, 10]]);
  });
});

function hex(rows: ReadonlyMap<string, Buffer>): Map<string, string> {
  return new Map([...rows].map(([key, row]) => [key, row.toString('hex')]));
}
