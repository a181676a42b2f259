import { rm } from 'node:fs/promises';

import { validTopic, type TypedResource } from '@everloop/contracts';
import { keyPartition } from '@everloop/features';
import { createSourceEncoder, schemaRegistries } from '@everloop/records';
import { startMiniRegistry, type MiniRegistry } from '@everloop/records/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';

import {
  applyAll,
  createTripWorld,
  emptyRedis,
  startStore,
  type RunningStore,
  type TripWorld,
} from './trip-service.ts';

let registry: MiniRegistry;
let world: TripWorld;
let store: RunningStore;

beforeAll(async () => {
  await emptyRedis();
  registry = await startMiniRegistry();
  const trips = await createTripWorld();
  const resources = trips.resources.map((resource): TypedResource =>
    resource.kind === 'Source'
      ? { ...resource, spec: { ...resource.spec, format: 'avro', schemaRegistry: registry.url } }
      : resource,
  );
  world = { ...trips, resources };
  store = await startStore(world);
  await applyAll(world);
});
afterAll(async () => {
  await store.stop();
  await world.close();
  await registry.stop();
  await rm(world.dir, { recursive: true, force: true });
});

it('records in Avro become online values', { timeout: 60_000 }, async () => {
  const source = world.resources.find(({ name }) => name === 'planned');
  if (source?.kind !== 'Source') throw new Error('there is no Source "planned"');
  const encode = await createSourceEncoder('planned', source.spec, schemaRegistries({}));
  const records = ['a', 'b', 'c'].map((trip, index) => {
    const { value } = encode({ trip, origin: 'o', vehicle: 'v', seats: index + 3, miles: 1, leaves: 500, at: 500 });
    // Not one byte of JSON: without the registry nobody could read it.
    expect([value[0], value.includes('{')]).toEqual([0, false]);
    return { topic: validTopic(source.spec.topic), key: trip, partition: keyPartition(trip, 2), value };
  });
  await world.publisher.publish(records);
  await world.pass(1_000);
  await store.passed(1_000);
  const text = (value: string) => ({ kind: { $case: 'text' as const, value } });
  const rows = ['a', 'b', 'c', 'none'].map((trip) => ({
    request: { trip: text(trip), origin: text('o'), miles: text('') },
    asOfMs: 1_000,
  }));
  const answer = await store.calls.getOnline({ model: 'late', rows });
  const seats = answer.rows.map(({ values }) => values[answer.names.indexOf('seats')]?.kind?.value);
  expect(seats).toEqual([3, 4, 5, true]);
});
