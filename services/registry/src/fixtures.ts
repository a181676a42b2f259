import { registry, sha256Hex, topics, type TypedResource, toWire } from '@everloop/contracts';
import { deferred } from '@everloop/service';
import { openRegistryStore } from './adapters/sqlite-store.ts';
import type { AppContext } from './app/context.ts';
import type { EventPublisher, OutboxEvent, RegistryTopics } from './ports.ts';
import type { Telemetry } from './telemetry.ts';

/** Telemetry that keeps nothing. */
export const silent: Telemetry = {
  resourcesApplied: () => undefined,
  versionRegistered: () => undefined,
  stageChanged: () => undefined,
  eventsPublished: () => undefined,
  eventsWait: () => undefined,
  resourcesRepublished: () => undefined,
  ledgerVerified: () => undefined,
};

/** A registry in memory. */
export function testContext(
  options: { readonly outboxEventsMax?: number; readonly path?: string; readonly topics?: RegistryTopics } = {},
): AppContext {
  return {
    store: openRegistryStore(options.path ?? ':memory:'),
    outbox: { wake: () => undefined },
    telemetry: silent,
    topics: options.topics ?? topics,
    outboxEventsMax: options.outboxEventsMax ?? 1_000,
  };
}

const source: TypedResource = {
  kind: 'Source',
  name: 'trips',
  revision: 0,
  spec: {
    topic: 'trips',
    partitions: 1,
    format: 'json',
    key: 'id',
    eventTime: 'at',
    allowedLatenessMs: 0,
    unexpected: 'reject',
    compatibility: 'backward',
    unique: [],
    fields: {
      id: { type: 'string', required: true },
      at: { type: 'timestamp', required: true },
      late: { type: 'number', required: true },
    },
    rules: [],
  },
};

const model: TypedResource = {
  kind: 'Model',
  name: 'late-trips',
  revision: 0,
  spec: {
    request: [{ name: 'id', type: 'string' }],
    joinKey: 'id',
    examples: { source: 'trips', time: 'at', offsetMs: 0 },
    views: [],
    inputs: [{ name: 'id', type: 'category', from: 'request.id' }],
    label: { source: 'trips', key: 'id', field: 'late', above: 0, waitMs: 1_000 },
    training: {
      recipe: 'gbdt',
      parameters: {},
      seed: 1,
      minRows: 1,
      windowMs: 2_000,
      timeHoldoutMs: 1_000,
      fixedHoldoutPercent: 10,
      fixedHoldoutSalt: 's',
      timeoutMs: 1_000,
    },
    gates: { minRows: 1, minAuc: 0.5, minRecentGain: 0, maxFixedLoss: 0, confidence: 0.9 },
  },
};

/** A Source and a Model that fit together, in wire form. */
export function testResources(): registry.Resource[] {
  return [toWire(source), toWire(model)];
}

/** What a job registers. */
export function testVersion(jobId: string, more: Partial<registry.ModelVersion> = {}): registry.ModelVersion {
  return registry.ModelVersion.fromPartial({
    model: 'late-trips',
    jobId,
    metrics: { auc: 0.7 },
    parameters: { trees: '10' },
    artifacts: [{ name: 'model.onnx', digest: sha256Hex(jobId), sizeBytes: 10 }],
    dataset: { contentHash: sha256Hex('rows'), rows: 3, offsets: [{ topic: 'trips', partition: 0, start: 0, end: 3 }] },
    eventTimeMs: 1_000,
    seed: 7,
    modelRevision: 1,
    ...more,
  });
}

/** A broker in memory that can be away, and that remembers what it was given in order. */
export function testPublisher(): EventPublisher & {
  readonly events: OutboxEvent[];
  /** Takes the broker away, or brings it back. */
  setAway(away: boolean): void;
  /** Makes the next publish fail after the events were taken: the acknowledgement is lost. */
  loseAcknowledgement(): void;
  /** Resolves when `count` events have been taken. */
  reached(count: number): Promise<void>;
} {
  const events: OutboxEvent[] = [];
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  let isAway = false;
  let losesNext = false;
  const unavailable = (): Error => Object.assign(new Error('the broker is away'), { kind: 'retryable' });
  return {
    events,
    setAway: (away) => void (isAway = away),
    loseAcknowledgement: () => void (losesNext = true),
    reached(count) {
      const { promise, resolve } = deferred();
      if (events.length >= count) resolve();
      else waiting.push({ count, resolve });
      return promise;
    },
    prepare: async () => {
      if (isAway) throw unavailable();
    },
    publish: async (published) => {
      if (isAway) throw unavailable();
      events.push(...published);
      for (const { count, resolve } of waiting) if (events.length >= count) resolve();
      if (!losesNext) return;
      losesNext = false;
      throw unavailable();
    },
    publishedResources: async () =>
      new Map(
        events.map((event) => {
          const { revision, digest } = registry.Resource.fromJSON(JSON.parse(event.value));
          return [event.key, { revision, digest }] as const;
        }),
      ),
  };
}
