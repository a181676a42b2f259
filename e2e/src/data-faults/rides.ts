import type { OutRecord } from '@everloop/kafka';
import { keyPartition } from '@everloop/features';
import { parseResources, type TypedResource } from '@everloop/contracts';

export const topic = 'rides';
export const partitions = 4;
export const partitionNumbers: readonly number[] = Array.from({ length: partitions }, (_, number) => number);

/** Event time of the first record and of all of them together, epoch milliseconds. */
export const startMs = Date.UTC(2026, 0, 1);
export const spanMs = 10 * 86_400_000;
/** No record is later than this. */
export const latestMs = 8 * 3_600_000;

const counts = { drivers: 2_000, zones: 120 } as const;

const yaml = `
kind: Source
name: rides
spec:
  topic: ${topic}
  partitions: ${partitions}
  key: driver
  eventTime: at
  createdTime: created
  allowedLateness: 8h
  fields:
    ride: { type: string, required: true, minLength: 1, maxLength: 20 }
    driver: { type: string, required: true, pattern: '^D[0-9]+$' }
    zone: { type: string }
    fare: { type: number, min: -100, max: 1000 }
    at: { type: timestamp, required: true }
    created: { type: timestamp, required: true }
  unique:
    - { fields: [driver, ride], within: 2h }
  rules:
    - { name: no_thirteen, cel: '!has(record.fare) || record.fare == null || record.fare != 13.0' }
---
kind: FeatureView
name: driver_fares
spec:
  source: rides
  entity: driver
  aggregations:
    - { name: rides_2d, function: count, window: 2d }
    - { name: sum_2d, function: sum, column: fare, window: 2d }
    - { name: mean_12h, function: mean, column: fare, window: 12h }
    - { name: least_12h, function: min, column: fare, window: 12h }
    - { name: most_2d, function: max, column: fare, window: 2d }
  hop: 1h
  ttl: 1d
  readBehind: 1h
---
kind: FeatureView
name: zone_fares
spec:
  source: rides
  entity: zone
  aggregations:
    - { name: rides_1h, function: count, window: 1h }
    - { name: sum_1h, function: sum, column: fare, window: 1h }
    - { name: mean_6h, function: mean, column: fare, window: 6h }
    - { name: last_6h, function: last, column: fare, window: 6h }
  hop: 10m
  ttl: 6h
  readBehind: 1h
---
kind: FeatureView
name: driver_newest
spec:
  source: rides
  entity: driver
  columns: [ride, zone, fare]
  ttl: 12h
  readBehind: 1h
---
kind: Model
name: fares
spec:
  request:
    - { name: driver, type: string }
    - { name: zone, type: string }
  joinKey: driver
  examples: { source: rides, time: at }
  views:
    - { view: driver_fares, key: request.driver }
    - { view: zone_fares, key: request.zone }
    - { view: driver_newest, key: request.driver }
  inputs:
    - { name: rides_2d, type: number, from: driver_fares.rides_2d }
    - { name: sum_2d, type: number, from: driver_fares.sum_2d }
    - { name: mean_12h, type: number, from: driver_fares.mean_12h }
    - { name: least_12h, type: number, from: driver_fares.least_12h }
    - { name: most_2d, type: number, from: driver_fares.most_2d }
    - { name: rides_1h, type: number, from: zone_fares.rides_1h }
    - { name: sum_1h, type: number, from: zone_fares.sum_1h }
    - { name: mean_6h, type: number, from: zone_fares.mean_6h }
    - { name: last_6h, type: number, from: zone_fares.last_6h }
    - { name: newest_ride, type: category, from: driver_newest.ride }
    - { name: newest_fare, type: number, from: driver_newest.fare }
  label: { source: rides, key: driver, field: fare, above: 10, wait: 1d }
  training: { recipe: gbdt, seed: 1, minRows: 100, window: 10d, timeHoldout: 1d, fixedHoldoutPercent: 10, fixedHoldoutSalt: x, timeout: 1m }
  gates: { minRows: 100, minAuc: 0.5, minRecentGain: 0, maxFixedLoss: 0.01, confidence: 0.9 }
`;

/**
 * One Source with its contract, three views of it and a model that reads them all. `batch` is the part of the Source that says where rows lie
 * which are to come to its topic, as YAML on one line.
 */
export function rideResources(batch: string | null = null): TypedResource[] {
  const text = batch === null ? yaml : yaml.replace('  fields:\n', `  batch: ${batch}\n  fields:\n`);
  return parseResources([{ name: 'rides.yaml', text }]);
}

/** mulberry32: a small seeded generator of numbers in [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** How long after it happened a ride became known: most at once, some minutes, some hours. Whole seconds, so that ties happen. */
function delayMs(random: () => number): number {
  const share = random();
  if (share < 0.7) return 0;
  return Math.floor(random() * (share < 0.9 ? 600 : share < 0.98 ? 7_200 : latestMs / 1_000)) * 1_000;
}

type Ride = Record<string, unknown>;

/** Ways to break the contract; null is a tombstone. */
const breaks: readonly ((ride: Ride) => string | Buffer | null)[] = [
  () => '{"ride": "torn',
  () => null,
  () => '[1, 2]',
  (ride) => JSON.stringify({ ...ride, driver: 'X-1' }),
  (ride) => JSON.stringify({ ...ride, driver: undefined }),
  (ride) => JSON.stringify({ ...ride, fare: 13 }),
  (ride) => JSON.stringify({ ...ride, fare: 1_000.01 }),
  (ride) => JSON.stringify({ ...ride, fare: '12' }),
  (ride) => JSON.stringify({ ...ride, tip: 1 }),
  (ride) => JSON.stringify({ ...ride, at: null }),
  (ride) => Buffer.from(JSON.stringify({ ...ride, driver: '§' }), 'latin1'),
];

/**
 * `count` records of ten days: 3 % break the contract, 30 % come late or out of order, 1 % are copies of an earlier one, which the Source wants to be unique, some lack a fare or
 * a zone. The same seed gives the same records.
 */
export function* rideRecords(count: number, seed: number): Generator<OutRecord, void, undefined> {
  const random = seeded(seed);
  const recent: OutRecord[] = [];
  // 72 minutes of them: copies are never so late that nobody can tell them for copies any more.
  const recentMax = Math.max(1, Math.floor(count / 200));
  for (let index = 0; index < count; index++) {
    const copied = random() < 0.01 ? recent[Math.floor(random() * recent.length)] : undefined;
    const record = copied ?? rideRecord(index, count, random);
    recent[index % recentMax] = record;
    yield record;
  }
}

function rideRecord(index: number, count: number, random: () => number): OutRecord {
  const created = startMs + Math.floor((index * spanMs) / count / 1_000) * 1_000;
  const driver = `D${Math.floor(random() * random() * counts.drivers)}`;
  const ride: Ride = {
    ride: `r${index}`,
    driver,
    zone: random() < 0.05 ? null : `z${Math.floor(random() * counts.zones)}`,
    fare: random() < 0.05 ? null : Math.round(random() * 6_000 - 500) / 100,
    at: created - delayMs(random),
    created,
  };
  const broken = random() < 0.03 ? breaks[Math.floor(random() * breaks.length)] : undefined;
  const value = broken === undefined ? JSON.stringify(ride) : broken(ride);
  return { topic, key: driver, partition: keyPartition(driver, partitions), value };
}

export interface Question {
  readonly id: number;
  readonly driver: string;
  readonly zone: string;
  readonly asOfMs: number;
}

/** Entities and moments to ask for; some entities never had a ride. */
export function questions(count: number, seed: number, range: { readonly fromMs: number; readonly untilMs: number }) {
  const random = seeded(seed);
  return Array.from({ length: count }, (_, id): Question => {
    const driver = `D${Math.floor(random() * random() * counts.drivers * 1.05)}`;
    const zone = `z${Math.floor(random() * (counts.zones + 3))}`;
    return { id, driver, zone, asOfMs: Math.floor(range.fromMs + random() * (range.untilMs - range.fromMs)) };
  });
}
