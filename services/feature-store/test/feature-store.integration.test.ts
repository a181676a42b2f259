import { rm } from 'node:fs/promises';

import { features } from '@everloop/contracts';
import { eventually } from '@everloop/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Trip } from './fixtures.ts';
import { Road } from './road.ts';
import { eventsOf, originAt, random } from './trip-events.ts';
import {
  applyAll,
  createTripWorld,
  emptyRedis,
  isCluster,
  redisUrl,
  startStore,
  type RunningStore,
  type TripWorld,
} from './trip-service.ts';

let world: TripWorld;
const open: RunningStore[] = [];
beforeEach(async () => {
  await emptyRedis();
  world = await createTripWorld();
});
afterEach(async () => {
  for (const store of open.splice(0)) await store.stop();
  await world.close();
  await rm(world.dir, { recursive: true, force: true });
});

async function start(url = redisUrl()): Promise<RunningStore> {
  const store = await startStore(world, url);
  open.push(store);
  return store;
}

async function end(store: RunningStore, kill = false): Promise<void> {
  open.splice(open.indexOf(store), 1);
  await store.stop({ kill });
}

function questions(trips: readonly Trip[], fromMs: number, toMs: number): features.EntityRow[] {
  const next = random(99);
  return trips.map((trip) => ({
    asOfMs: fromMs + next(toMs - fromMs),
    request: {
      trip: { kind: { $case: 'text', value: trip.trip } },
      origin: { kind: { $case: 'text', value: trip.origin } },
      miles: { kind: { $case: 'number', value: trip.miles } },
    } as const,
  }));
}

async function compare(store: RunningStore, trips: readonly Trip[], fromMs: number, toMs: number): Promise<number> {
  const request = { model: 'late', rows: questions(trips, fromMs, toMs) };
  const [online, historical] = [await store.calls.getOnline(request), await store.calls.getHistorical(request)];
  expect(online).toEqual(historical);
  return online.rows.flatMap(({ statuses }) => statuses).filter((status) => status === 'FEATURE_STATUS_PRESENT').length;
}

describe('the feature store', () => {
  it('waits for resources, then gives online what it gives in hindsight', async () => {
    const store = await start();
    expect(store.health()).toEqual({ ok: true });
    const { trips, arrivals } = eventsOf(1, 400, 1_000, 1_100);
    await world.publish({ trips, arrivals });
    await world.pass(1_100);
    await applyAll(world);
    await store.passed(1_100);
    expect(await compare(store, trips, 1_000, 1_300)).toBeGreaterThan(2_000);
  });

  it.each([
    ['a drained process', false],
    ['a killed process', true],
  ])('goes on exactly where %s ended: nothing twice, nothing lost', async (_, kill) => {
    await applyAll(world);
    const first = await start();
    const before = eventsOf(2, 300, 1_000, 1_100);
    await world.publish(before);
    await world.pass(1_000);
    await first.passed(1_000);
    await end(first, kill);
    const after = eventsOf(3, 300, 1_000, 1_100);
    await world.publish(after);
    await world.pass(1_100);
    const second = await start();
    await second.passed(1_100);
    const trips = [...before.trips, ...after.trips];
    expect(await compare(second, trips, 1_000, 1_300)).toBeGreaterThan(2_000);
    const [row] = (await second.calls.getOnline({ model: 'late', rows: originAt('o1', 1_099) })).rows;
    const counted = [...before.arrivals, ...after.arrivals].filter(
      ({ origin, at }) => origin === 'o1' && at >= 1_060 && at <= 1_099,
    );
    expect(row?.values[4]).toEqual({ kind: { $case: 'number', value: counted.length } });
  });

  it('notices that Redis was emptied while it runs and makes everything anew', async () => {
    await applyAll(world);
    const store = await start();
    const { trips, arrivals } = eventsOf(4, 300, 1_000, 1_100);
    await world.publish({ trips, arrivals });
    await world.pass(1_100);
    await store.passed(1_100);
    const present = await compare(store, trips, 1_000, 1_300);
    await emptyRedis();
    await eventually(() => store.losses() > 0, { what: 'the loss of the online rows' });
    await store.passed(1_100);
    expect(await compare(store, trips, 1_000, 1_300)).toBe(present);
  });

  it.skipIf(isCluster())('goes on without loss when Redis was away for a while', async () => {
    const road = new Road(redisUrl());
    await road.open();
    await applyAll(world);
    const store = await start(road.url);
    const before = eventsOf(6, 200, 1_000, 1_100);
    await world.publish(before);
    await world.pass(1_000);
    await store.passed(1_000);
    await road.cut();
    const after = eventsOf(7, 200, 1_000, 1_100);
    await world.publish(after);
    await world.pass(1_100);
    await eventually(() => !store.redisHealth().ok, { what: 'a health that tells of Redis' });
    await road.open();
    await store.passed(1_100);
    expect(await compare(store, [...before.trips, ...after.trips], 1_000, 1_300)).toBeGreaterThan(1_000);
    await end(store);
    await road.cut();
  });

  it('makes a reproducible dataset and counts its labels', async () => {
    await applyAll(world);
    const store = await start();
    const { trips, arrivals } = eventsOf(5, 300, 1_000, 1_100);
    await world.publish({ trips, arrivals });
    await world.pass(1_100);
    await store.passed(1_100);
    const range = { model: 'late', fromMs: 0, untilMs: 2_000, asOfMs: 1_090 };
    const request = features.CreateDatasetRequest.fromPartial(range);
    const made = await store.calls.createDataset(request);
    const labelled = arrivals.filter(({ delay, at }) => delay !== null && at < 1_090).map(({ trip }) => trip);
    const usable = trips.filter(({ trip, at, leaves }) => labelled.includes(trip) && at < 1_090 && leaves - 10 < 1_090);
    expect(made.dataset?.rows).toBe(usable.length);
    await end(store);
    const again = await start();
    await again.passed(1_100);
    expect((await again.calls.createDataset(request)).dataset).toEqual(made.dataset);
    const counted = await again.calls.countLabels({ model: 'late', asOfMs: 1_090, exclude: [] });
    expect(counted.rows).toBe(trips.filter(({ trip, at }) => labelled.includes(trip) && at < 1_090).length);
  });
});
