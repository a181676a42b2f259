import { mkdtempSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startLocalRedisCluster } from '@everloop/local';
import { eventually } from '@everloop/testing';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';

import { eventsOf, originAt, type TripEvents } from './trip-events.ts';
import { applyAll, createTripWorld, emptyRedis, startStore, useRedis, type RunningStore } from './trip-service.ts';

const dir = mkdtempSync(join(tmpdir(), 'evl-cluster-'));
const cluster = await startLocalRedisCluster({ dir, log: () => undefined });
useRedis({
  url: `${cluster.url}?buckets=16`,
  async empty() {
    for (const node of cluster.nodes) expect(await node.ask('FLUSHALL')).toBe('+OK\r\n');
  },
});

/** Everything that is shown with one Redis holds with a cluster. */
await import('./feature-store.integration.test.ts');

afterAll(async () => {
  useRedis(null);
  await cluster.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function keysOn(node: (typeof cluster.nodes)[number] | undefined): Promise<number> {
  return Number(/^:(\d+)/.exec((await node?.ask('DBSIZE')) ?? '')?.[1]);
}

describe('a cluster of three nodes', () => {
  let world: Awaited<ReturnType<typeof createTripWorld>>;
  let store: RunningStore;
  let data: TripEvents;

  beforeEach(async () => {
    await emptyRedis();
    world = await createTripWorld();
    await applyAll(world);
    store = await startStore(world);
    data = eventsOf(21, 300, 1_000, 1_100);
    await world.publish(data);
    await world.pass(1_100);
    await store.passed(1_100);
  });
  afterEach(async () => {
    await store.stop();
    await world.close();
    await rm(world.dir, { recursive: true, force: true });
  });

  async function expectExact(): Promise<void> {
    for (const origin of ['o0', 'o1', 'o2']) {
      const [row] = (await store.calls.getOnline({ model: 'late', rows: originAt(origin, 1_099) })).rows;
      const counted = data.arrivals.filter(
        (arrival) => arrival.origin === origin && arrival.at >= 1_060 && arrival.at <= 1_099,
      );
      expect(row?.values[4]).toEqual({ kind: { $case: 'number', value: counted.length } });
    }
    const rows = data.trips.map(
      ({ trip }) => ({ asOfMs: 1_099, request: { trip: { kind: { $case: 'text', value: trip } } } }) as const,
    );
    const online = await store.calls.getOnline({ model: 'late', rows });
    expect(online).toEqual(await store.calls.getHistorical({ model: 'late', rows }));
  }

  it('has rows on every node', async () => {
    for (const node of cluster.nodes) expect(await keysOn(node)).toBeGreaterThan(50);
    await expectExact();
  });

  it('makes the rows of an emptied node anew and leaves those of the others', async () => {
    const [first, second] = cluster.nodes;
    const before = await keysOn(first);
    const kept = await keysOn(second);
    expect(await first?.ask('FLUSHALL')).toBe('+OK\r\n');
    await eventually(() => store.losses() > 0, { what: 'the loss of a node' });
    await store.passed(1_100);
    expect([await keysOn(first), await keysOn(second)]).toEqual([before, kept]);
    await expectExact();
  });

  it('goes on when a node was killed and came back empty', async () => {
    const [, , third] = cluster.nodes;
    const before = await keysOn(third);
    await third?.kill();
    const more = eventsOf(22, 200, 1_000, 1_100);
    await world.publish(more);
    await world.pass(1_200);
    data = { trips: [...data.trips, ...more.trips], arrivals: [...data.arrivals, ...more.arrivals] };
    await third?.restart();
    await store.passed(1_200);
    expect(await keysOn(third)).toBeGreaterThanOrEqual(before);
    await expectExact();
  });
});
