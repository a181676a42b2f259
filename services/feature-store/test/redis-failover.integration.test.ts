import { mkdtempSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startLocalRedisCluster, type LocalRedisNode } from '@everloop/local';
import { eventually } from '@everloop/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';

import { eventsOf, type TripEvents } from './trip-events.ts';
import { applyAll, createTripWorld, startStore, useRedis, type RunningStore } from './trip-service.ts';

/* Three masters and three replicas, each a process of its own. */

const dir = mkdtempSync(join(tmpdir(), 'evl-failover-'));
let cluster: Awaited<ReturnType<typeof startLocalRedisCluster>>;
let world: Awaited<ReturnType<typeof createTripWorld>>;
let store: RunningStore;
let data: TripEvents;

beforeAll(async () => {
  cluster = await startLocalRedisCluster({ dir, replicas: 1, log: () => undefined });
  useRedis({ url: `${cluster.url}?buckets=16`, empty: () => Promise.resolve() });
}, 60_000);
afterAll(async () => {
  useRedis(null);
  await cluster.stop();
  rmSync(dir, { recursive: true, force: true });
});

beforeEach(async () => {
  for (const node of [...cluster.nodes, ...cluster.replicas]) if (await isMaster(node)) await node.ask('FLUSHALL');
  world = await createTripWorld();
  await applyAll(world);
  store = await startStore(world);
  data = { trips: [], arrivals: [] };
  await add(31, 1_000, 1_100);
  await store.passed(1_100);
});
afterEach(async () => {
  await store.stop();
  await world.close();
  await rm(world.dir, { recursive: true, force: true });
});

async function isMaster(node: LocalRedisNode): Promise<boolean> {
  return (await node.ask('INFO replication')).includes('role:master\r\n');
}

async function pairs(): Promise<{ readonly master: LocalRedisNode; readonly replica: LocalRedisNode }[]> {
  const found = [];
  for (const [index, node] of cluster.nodes.entries()) {
    const replica = cluster.replicas[index];
    if (replica === undefined) continue;
    found.push((await isMaster(node)) ? { master: node, replica } : { master: replica, replica: node });
  }
  return found;
}

async function add(seed: number, from: number, until: number): Promise<void> {
  const more = eventsOf(seed, 200, from, until);
  await world.publish(more);
  await world.pass(until);
  data = { trips: [...data.trips, ...more.trips], arrivals: [...data.arrivals, ...more.arrivals] };
}

/** Online and offline say the same of every trip, so that no record is missing from the rows or in them twice. */
async function expectExact(asOfMs: number): Promise<void> {
  const rows = data.trips.map(
    ({ trip }) => ({ asOfMs, request: { trip: { kind: { $case: 'text', value: trip } } } }) as const,
  );
  const online = await store.calls.getOnline({ model: 'late', rows });
  expect(online).toEqual(await store.calls.getHistorical({ model: 'late', rows }));
}

it('a master is killed under load: reading and writing go on by its replica, and the rows are exact', async () => {
  const [pair] = await pairs();
  if (pair === undefined) throw new Error('no pair');
  await add(32, 1_100, 1_150);
  await pair.master.kill();
  await add(33, 1_150, 1_200);
  await eventually(() => isMaster(pair.replica), { what: 'the election', timeoutMs: 30_000 });
  await store.passed(1_200);
  await expectExact(1_199);
  await pair.master.restart();
  await add(34, 1_200, 1_250);
  await store.passed(1_250);
  await expectExact(1_249);
}, 90_000);

it('a replica that lagged takes over: that its positions are older is noticed while nothing is written, and made good from the log', async () => {
  const [, pair] = await pairs();
  if (pair === undefined) throw new Error('no pair');
  // From now on the replica gets nothing, as on a broken network.
  expect(await pair.master.ask('ACL SETUSER default -psync -sync')).toBe('+OK\r\n');
  expect(await pair.master.ask('CLIENT KILL TYPE replica')).toBe(':1\r\n');
  await add(35, 1_100, 1_200);
  await store.passed(1_200);
  await pair.master.kill();
  await eventually(() => isMaster(pair.replica), { what: 'the election', timeoutMs: 30_000 });
  await eventually(() => store.losses() > 0, { what: 'that the loss is noticed', timeoutMs: 30_000 });
  await store.passed(1_200);
  await expectExact(1_199);
}, 90_000);
