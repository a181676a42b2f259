import type { AggregateFeature, FeatureViewSpec, ModelSpec, SourceSpec, TypedResource } from '@everloop/contracts';
import type { Logger } from '@everloop/service';

import type { OnlineRows } from '../src/ports.ts';
import { encodeRow } from '@everloop/features';
import type { Telemetry } from '../src/telemetry.ts';

const nothing = (): void => undefined;

export const silentTelemetry: Telemetry = {
  logger: {
    trace: nothing,
    debug: nothing,
    info: nothing,
    warn: nothing,
    error: nothing,
    fatal: nothing,
    child: () => silentTelemetry.logger,
  } satisfies Logger,
  positioned: nothing,
  applied: nothing,
  onlineWritten: nothing,
  offlineWritten: nothing,
  historyTaken: nothing,
  compacted: nothing,
  expired: nothing,
  expiryHeld: nothing,
  backfilled: nothing,
  recordsGone: nothing,
  materialised: nothing,
  pushed: nothing,
  watermark: nothing,
  undecodable: nothing,
  late: nothing,
  misplaced: nothing,
  onlineLost: nothing,
  topologyChanged: nothing,
  datasetCreated: nothing,
  queried: nothing,
  answered: nothing,
  asked: nothing,
  vaultOpened: nothing,
  vaultDenied: nothing,
};

/** Online rows in memory, with the same refusal of a position that moved. */
export function memoryRows(): OnlineRows & { readonly stored: Map<string, Buffer>; clear(): void } {
  const stored = new Map<string, Buffer>();
  const positions = new Map<string, Buffer>();
  return {
    stored,
    clear() {
      stored.clear();
      positions.clear();
    },
    bucketOf: () => 0,
    async position(topic, partition, fingerprint) {
      const token = positions.get(`${topic}/${partition}`) ?? null;
      const [next, found] = (token?.toString() ?? ';').split(';');
      const nextOffset = found === fingerprint ? Number(next) : 0;
      return { nextOffset, buckets: [{ nextOffset, token }] };
    },
    load: async (keys) => keys.map((key) => stored.get(key) ?? null),
    async store(writes, at, move) {
      const key = `${at.topic}/${at.partition}`;
      const now = positions.get(key) ?? null;
      if (Buffer.compare(now ?? Buffer.alloc(0), move.before.buckets[0]?.token ?? Buffer.alloc(0)) !== 0) {
        throw Object.assign(new Error('fenced'), { code: 'EVL_STORAGE_REDIS_FENCED', kind: 'retryable' });
      }
      for (const { key: rowKey, view, row } of writes) stored.set(rowKey, Buffer.from(encodeRow(view, row)));
      const token = Buffer.from(`${move.nextOffset};${at.fingerprint}`);
      positions.set(key, token);
      return { nextOffset: move.nextOffset, buckets: [{ nextOffset: move.nextOffset, token }] };
    },
    async replace(writes) {
      for (const { key, view, row } of writes) stored.set(key, Buffer.from(encodeRow(view, row)));
    },
  };
}

function source(part: Pick<SourceSpec, 'topic' | 'key' | 'fields'>, partitions: number): SourceSpec {
  return {
    partitions,
    format: 'json',
    eventTime: 'at',
    createdTime: 'at',
    allowedLatenessMs: 0,
    unexpected: 'drop',
    compatibility: 'backward',
    unique: [],
    rules: [],
    ...part,
  };
}

function view(part: Partial<FeatureViewSpec> & Pick<FeatureViewSpec, 'source' | 'entity'>): FeatureViewSpec {
  const rest = { hopMs: 0, ttlMs: 500, readBehindMs: 100, description: 'test', owner: 'test' };
  return { columns: [], aggregations: [], ...rest, ...part };
}

function aggregates(windowMs: number, suffix: string): AggregateFeature[] {
  return [
    { name: `events_${suffix}`, function: 'count', windowMs },
    { name: `delays_${suffix}`, function: 'count', column: 'delay', windowMs },
    { name: `total_${suffix}`, function: 'sum', column: 'delay', windowMs },
    { name: `mean_${suffix}`, function: 'mean', column: 'delay', windowMs },
  ];
}

const number = { type: 'number', required: false } as const;
const text = { type: 'string', required: false } as const;
const time = { type: 'timestamp', required: true } as const;

const spec: ModelSpec = {
  request: [
    { name: 'trip', type: 'string' },
    { name: 'origin', type: 'string' },
    { name: 'miles', type: 'number' },
  ],
  joinKey: 'trip',
  examples: { source: 'planned', time: 'leaves', offsetMs: -10 },
  views: [
    { view: 'plan', key: 'request.trip' },
    { view: 'origin', key: 'request.origin' },
    { view: 'vehicle', key: 'plan.vehicle' },
  ],
  inputs: [
    { name: 'miles', type: 'number', from: 'request.miles' },
    { name: 'origin', type: 'category', from: 'request.origin' },
    { name: 'vehicle', type: 'category', from: 'plan.vehicle' },
    { name: 'seats', type: 'number', from: 'plan.seats' },
    ...['events_short', 'delays_short', 'total_short', 'mean_short', 'total_long', 'mean_long'].map(
      (name) => ({ name, type: 'number', from: `origin.${name}` }) as const,
    ),
    { name: 'vehicle_mean', type: 'number', from: 'vehicle.mean_long' },
    { name: 'vehicle_events', type: 'number', from: 'vehicle.events_long' },
  ],
  label: { source: 'arrived', key: 'trip', field: 'delay', above: 15, waitMs: 1_000 },
  training: {
    recipe: 'gbdt',
    parameters: {},
    seed: 1,
    minRows: 1,
    windowMs: 1,
    timeHoldoutMs: 1,
    fixedHoldoutPercent: 1,
    fixedHoldoutSalt: 's',
    timeoutMs: 1,
  },
  gates: { minRows: 1, minAuc: 0.5, minRecentGain: 0, maxFixedLoss: 0, confidence: 0.95 },
};

/** A small world: planned trips (with a vehicle each), and arrivals that are aggregated per origin and per vehicle. */
export function tripResources(prefix: string, partitions = 2): TypedResource[] {
  const planned = {
    topic: `${prefix}.planned`,
    key: 'trip',
    fields: { trip: text, origin: text, vehicle: text, seats: number, miles: number, leaves: time, at: time },
  };
  const arrived = {
    topic: `${prefix}.arrived`,
    key: 'trip',
    fields: { trip: text, origin: text, vehicle: text, delay: number, at: time },
  };
  return [
    { kind: 'Source', name: 'planned', revision: 1, spec: source(planned, partitions) },
    { kind: 'Source', name: 'arrived', revision: 1, spec: source(arrived, partitions) },
    {
      kind: 'FeatureView',
      name: 'plan',
      revision: 1,
      spec: view({ source: 'planned', entity: 'trip', columns: ['vehicle', 'seats'] }),
    },
    {
      kind: 'FeatureView',
      name: 'origin',
      revision: 1,
      spec: view({
        source: 'arrived',
        entity: 'origin',
        hopMs: 10,
        aggregations: [...aggregates(35, 'short'), ...aggregates(120, 'long')],
      }),
    },
    {
      kind: 'FeatureView',
      name: 'vehicle',
      revision: 1,
      spec: view({ source: 'arrived', entity: 'vehicle', hopMs: 7, ttlMs: 60, aggregations: aggregates(90, 'long') }),
    },
    { kind: 'Model', name: 'late', revision: 1, spec },
  ];
}

export interface Trip {
  readonly trip: string;
  readonly origin: string;
  readonly vehicle: string | null;
  readonly seats: number | null;
  readonly miles: number;
  readonly leaves: number;
  readonly at: number;
}

export interface Arrival {
  readonly trip: string;
  readonly origin: string;
  readonly vehicle: string | null;
  readonly delay: number | null;
  readonly at: number;
}
