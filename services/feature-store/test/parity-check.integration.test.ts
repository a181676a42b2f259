import { rm } from 'node:fs/promises';

import { serving, topics, type features, type ModelSpec, type TypedResource } from '@everloop/contracts';
import { requestBesideInputs } from '@everloop/features';
import { createLogger, createMetrics, type Metrics } from '@everloop/service';
import { eventually } from '@everloop/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createParityPositions } from '../src/adapters/parity-positions.ts';
import { ParityCheck } from '../src/app/parity-check.ts';
import { createParityTelemetry } from '../src/parity-telemetry.ts';
import type { Trip } from './fixtures.ts';
import { eventsOf } from './trip-events.ts';
import {
  applyAll,
  createTripWorld,
  emptyRedis,
  startStore,
  type RunningStore,
  type TripWorld,
} from './trip-service.ts';

let world: TripWorld;
let store: RunningStore;
let metrics: Metrics;
let lines: Record<string, unknown>[];
/** Metrics are those of the process; each test counts from here. */
let before = 0;
let isHistoryBehind = false;
/** When it was looked how far records are applied, epoch milliseconds. */
let looks: number[] = [];
const running: ParityCheck[] = [];

beforeEach(async () => {
  await emptyRedis();
  world = await createTripWorld();
  world = { ...world, resources: world.resources.map(withOnDemand) };
  await world.bus.ensureTopics([{ name: topics.inferenceServed, partitions: 2 }]);
  await applyAll(world);
  store = await startStore(world);
  metrics = createMetrics('feature-store');
  lines = [];
  before = 0;
  before = await checked();
  isHistoryBehind = false;
  looks = [];
});
afterEach(async () => {
  for (const check of running.splice(0)) await check.stop();
  await store.stop();
  await world.close();
  await rm(world.dir, { recursive: true, force: true });
});

async function startCheck(options: { readonly share?: number; readonly queueMax?: number } = {}): Promise<ParityCheck> {
  const logger = createLogger({ service: 'feature-store', level: 'info' });
  const telemetry = createParityTelemetry(
    {
      ...logger,
      error: (fields: object | string) => void lines.push({ ...(typeof fields === 'string' ? {} : fields) }),
      warn: () => undefined,
    },
    metrics,
  );
  const check = new ParityCheck({
    bus: world.bus,
    topology: store.topology,
    changedAtMs: store.changedAtMs,
    history: {
      pointInTime: (plan, rows, options) => store.history.pointInTime(plan, rows, options),
      landed: async (topic, partition) => (isHistoryBehind ? 0 : store.history.landed(topic, partition)),
    },
    lookAtApplied: async () => {
      const look = await store.lookAtApplied();
      looks.push(look.fromMs);
      return look;
    },
    now: Date.now,
    positions: createParityPositions(world.dir),
    telemetry,
    share: options.share ?? 1,
    everyMs: 100,
    batchMax: 20,
    queueMax: options.queueMax ?? 1_000,
    redefinedMs: 0,
    waitMaxMs: 60_000,
  });
  running.push(check);
  await check.start();
  return check;
}

const spec = (): ModelSpec => {
  const [model] = world.resources.flatMap((resource) => (resource.kind === 'Model' ? [resource.spec] : []));
  if (model === undefined) throw new Error('the fixtures have no model');
  return model;
};

/** Resolves when it is known what the online rows held a while ago, whatever the clocks of two machines may differ. */
const lookedBefore = (): Promise<boolean> =>
  eventually(() => looks.some((atMs) => atMs < Date.now() - 1_500), { what: 'a look some time ago' });

const bags = (miles: number): serving.FeatureValue => ({ kind: { $case: 'number', value: Math.round(miles / 3) } });

/** The model with an input that is computed on demand, from a request field that is no input. */
function withOnDemand(resource: TypedResource): TypedResource {
  if (resource.kind !== 'Model') return resource;
  const { spec } = resource;
  const perSeat = { name: 'bags_per_seat', type: 'number' } as const;
  return {
    ...resource,
    spec: {
      ...spec,
      request: [...spec.request, { name: 'bags', type: 'number' }],
      onDemand: [{ ...perSeat, cel: 'request.bags / plan.seats', description: 'test' }],
      inputs: [...spec.inputs, { ...perSeat, from: `onDemand.${perSeat.name}` }],
    },
  };
}

/** Predictions as the gateway logs them, with the values of the online store; `change` may falsify them. */
async function serve(
  trips: readonly Trip[],
  asOfMs: number,
  change: (inference: serving.Inference) => serving.Inference = (inference) => inference,
): Promise<void> {
  const rows = trips.map(({ trip, origin, miles }): features.EntityRow => ({
    asOfMs,
    request: {
      trip: { kind: { $case: 'text', value: trip } },
      origin: { kind: { $case: 'text', value: origin } },
      miles: { kind: { $case: 'number', value: miles } },
      bags: bags(miles),
    },
  }));
  const online = await store.calls.getOnline({ model: 'late', rows });
  const records = trips.map((trip, index) => {
    const inference = serving.Inference.fromPartial({
      decisionId: `${String(index).padStart(8, '0')}aa`,
      model: 'late',
      joinKey: trip.trip,
      eventTimeMs: asOfMs,
      inputNames: spec().inputs.map(({ name }) => name),
      inputValues: online.rows[index]?.values ?? [],
      requestNames: requestBesideInputs(spec()),
      requestValues: [bags(trip.miles)],
    });
    return {
      topic: topics.inferenceServed,
      partition: index % 2,
      key: trip.trip,
      value: Buffer.from(serving.Inference.encode(change(inference)).finish()),
    };
  });
  await world.publisher.publish(records);
}

async function value(name: string, labels: string): Promise<number> {
  const text = await metrics.text();
  const line = text.split('\n').find((each) => each.startsWith(name) && each.includes(labels));
  return Number(line?.split(' ').at(-1) ?? 0);
}
async function checked(): Promise<number> {
  return (await value('everloop_feature_store_parity_checked_total', 'model="late"')) - before;
}
const ratio = (): Promise<number> => value('everloop_feature_store_parity_ratio', 'model="late"');

async function filled(seed: number): Promise<readonly Trip[]> {
  const events = eventsOf(seed, 60, 1_000, 1_100);
  await world.publish(events);
  await world.pass(1_100);
  await store.passed(1_100);
  return events.trips;
}

const falsified = (feature: string) => (inference: serving.Inference) => {
  if (!inference.decisionId.startsWith('00000007')) return inference;
  const at = inference.inputNames.indexOf(feature);
  const inputValues = inference.inputValues.with(at, { kind: { $case: 'number', value: 4.000_000_000_000_001 } });
  return { ...inference, inputValues };
};

describe('the comparison of served values with the history', () => {
  it('finds them equal where nothing is wrong', async () => {
    const trips = await filled(21);
    await serve(trips, 1_095);
    await startCheck();
    await eventually(async () => (await checked()) === trips.length, { what: 'all predictions compared' });
    expect(await ratio()).toBe(1);
    expect(lines).toEqual([]);
  });

  it('counts a falsified value under its feature, and logs both values', async () => {
    const trips = await filled(22);
    await startCheck();
    await lookedBefore();
    await serve(trips, 1_095, falsified('seats'));
    await eventually(async () => (await checked()) === trips.length, { what: 'all predictions compared' });
    const different = 'everloop_feature_store_parity_different_total';
    expect(await value(different, 'feature="seats"')).toBe(1);
    expect((await metrics.text()).split('\n').filter((line) => line.startsWith(`${different}{`))).toHaveLength(1);
    expect(await ratio()).toBeCloseTo(1 - 1 / trips.length, 10);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({
      decisionId: '00000007aa',
      model: 'late',
      feature: 'seats',
      served: '4.000000000000001',
    });
  });

  it('computes again what is computed on demand, from the whole request in the log', async () => {
    const trips = await filled(26);
    await startCheck();
    await lookedBefore();
    const [valuesBefore, different] = [
      'everloop_feature_store_parity_values_total',
      'everloop_feature_store_parity_different_total',
    ];
    const compared = await value(valuesBefore, 'model="late"');
    await serve(trips, 1_095, falsified('bags_per_seat'));
    await eventually(async () => (await checked()) === trips.length, { what: 'all predictions compared' });
    const fromRequest = ['miles', 'origin'];
    const perPrediction = spec().inputs.length - fromRequest.length;
    expect((await value(valuesBefore, 'model="late"')) - compared).toBe(trips.length * perPrediction);
    expect(await value(different, 'feature="bags_per_seat"')).toBe(1);
    expect(lines).toHaveLength(1);
  });

  it('goes on after a restart: nothing twice, nothing left out', async () => {
    const trips = await filled(23);
    await serve(trips.slice(0, 30), 1_095);
    const first = await startCheck();
    await eventually(async () => (await checked()) === 30, { what: 'the first predictions compared' });
    await first.stop();
    running.splice(0);
    await serve(trips.slice(30), 1_096);
    await startCheck();
    await eventually(async () => (await checked()) >= trips.length, { what: 'the others compared' });
    expect(await checked()).toBe(trips.length);
  });

  it('keeps what waits over a restart, and waits for records that are not in the history yet', async () => {
    const trips = await filled(24);
    isHistoryBehind = true;
    await serve(trips, 1_095);
    const first = await startCheck();
    await eventually(async () => (await value('everloop_feature_store_parity_queued', '')) === trips.length, {
      what: 'all predictions waiting',
    });
    await first.round();
    expect(await checked()).toBe(0);
    await first.stop();
    running.splice(0);
    isHistoryBehind = false;
    await startCheck();
    await eventually(async () => (await checked()) === trips.length, { what: 'all predictions compared' });
    expect(await ratio()).toBe(1);
  });

  it('takes no record that was known but came after the prediction for a difference', async () => {
    const trips = await filled(25);
    await startCheck();
    await lookedBefore();
    isHistoryBehind = true;
    await serve(trips, 1_095);
    await world.publish({ arrivals: trips.map((trip) => ({ ...trip, delay: 1_000, at: 1_094 })) });
    await world.pass(1_102);
    await store.passed(1_102);
    isHistoryBehind = false;
    await eventually(async () => (await checked()) === trips.length, { what: 'all predictions compared' });
    expect(await value('everloop_feature_store_parity_late_total', 'feature="total_short"')).toBeGreaterThan(0);
    expect(lines).toEqual([]);
    expect(await ratio()).toBe(1);
  });
});
