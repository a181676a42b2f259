import type { inference } from '@everloop/contracts';
import { decisions, registry, rollout, serving, toWire, topics } from '@everloop/contracts';
import { categoriesFile, encodeCategories, fieldCategories } from '@everloop/features';
import type { Bus, BusRecord, FollowOptions, TopicSpec } from '@everloop/kafka';
import { createLogger, createMetrics, ServiceError } from '@everloop/service';
import { eventually } from '@everloop/testing';
import { createOnlineReader, type OnlineStore } from '../src/adapters/online-features.ts';
import { Statistics } from '../src/app/statistics.ts';
import { createGateway, type Gateway, type GatewayOptions } from '../src/app/gateway.ts';
import type { LogStream, ModelShape, ScoreRunner } from '../src/ports.ts';
import { createTelemetry } from '../src/telemetry.ts';
import type { Packed } from '../src/domain/vector.ts';
import { inferRequest, resources } from './fixtures.ts';

/** A bus whose topics are fed by the test. */
export class FakeBus implements Pick<Bus, 'ensureTopics' | 'follow'> {
  readonly topics: TopicSpec[] = [];
  readonly #followers: FollowOptions[] = [];

  ensureTopics(specs: readonly TopicSpec[]): Promise<void> {
    this.topics.push(...specs);
    return Promise.resolve();
  }

  follow(options: FollowOptions) {
    this.#followers.push(options);
    return { name: 'fake', start: () => Promise.resolve(), stop: () => Promise.resolve() };
  }

  async give(topic: string, json: unknown): Promise<void> {
    const value = json === null ? null : Buffer.from(typeof json === 'string' ? json : JSON.stringify(json));
    const record: BusRecord = { topic, partition: 0, offset: 0n, key: null, value, headers: {}, timestampMs: 0 };
    for (const follower of this.#followers) if (follower.topics.includes(topic)) await follower.onRecord(record);
  }

  async mark(topic: string, watermarkMs: number): Promise<void> {
    for (const follower of this.#followers)
      if (follower.topics.includes(topic)) await follower.onWatermark?.(topic, watermarkMs);
  }
}

/** Scores by version, in place of the model process. */
export class FakeRunner implements ScoreRunner {
  /** Digests by key. */
  readonly loaded = new Map<string, string>();
  readonly runs: { readonly version: string; readonly batch: Packed }[] = [];
  shape: ModelShape = { nNumeric: 2, nCategories: 1 };
  /** What loading a file does; set it to throw for a corrupt file. */
  onLoad: (digest: string) => void = () => undefined;
  /** What a version answers; by default a tenth of its number. */
  score: (version: string, batch: Packed) => Promise<Float64Array> = (version, batch) =>
    Promise.resolve(new Float64Array(batch.rows).fill(Number(version) / 10));

  load(key: string, _path: string, digestHex: string): Promise<ModelShape> {
    return Promise.resolve().then(() => {
      this.onLoad(digestHex);
      this.loaded.set(key, digestHex);
      return this.shape;
    });
  }

  unload(key: string): Promise<void> {
    this.loaded.delete(key);
    return Promise.resolve();
  }

  run(key: string, batch: Packed): Promise<Float64Array> {
    const version = /\/(.*)#/.exec(key)?.[1] ?? '';
    this.runs.push({ version, batch });
    if (this.loaded.has(key)) return this.score(version, batch);
    return Promise.reject(
      new ServiceError({ code: 'EVL_ONNX_NOT_LOADED', kind: 'terminal', message: `${key} is not loaded` }),
    );
  }

  /** Versions that are loaded. */
  get versions(): readonly string[] {
    return [...this.loaded.keys()].map((key) => /\/(.*)#/.exec(key)?.[1] ?? '').sort();
  }
}

export const digestOf = (version: string): string => version.padStart(64, '0');

export const routeOf = (fields: Partial<rollout.Route>): rollout.Route =>
  rollout.Route.fromPartial({ model: 'delay', revision: '1', championVersion: '1', salt: 'delay/2', ...fields });

/** A challenger with one range from 0 on. */
export const challenger = (version: string, weight: number): rollout.Challenger => ({
  version,
  ranges: [{ from: 0, to: Math.round(weight * 1e6) }],
});

export const shadow = (version: string, share = 1, tolerance = 0.01): rollout.Shadow => ({ version, share, tolerance });

export interface Harness {
  readonly bus: FakeBus;
  readonly runner: FakeRunner;
  readonly gateway: Gateway;
  /** Everything that was logged, in order. */
  readonly records: { readonly stream: LogStream; readonly inference: serving.Inference }[];
  /** Decisions and rewards that were logged, in order. */
  readonly decided: readonly decisions.Decision[];
  readonly rewarded: readonly { readonly key: string; readonly reward: decisions.RewardReceived }[];
  /** Watermarks written and progress reported, in order, as `log 5`, `progress routes 5`. */
  readonly facts: string[];
  readonly logLines: { readonly level: string; readonly message: string }[];
  readonly store: { online: OnlineStore };
  readonly queue: { bytes: number };
  /** What an answer waits for. */
  readonly disk: { written: Promise<void> };
  readonly versions: {
    away: boolean;
    parameters: Readonly<Record<string, Readonly<Record<string, string>>>>;
    /** Golden files by version; the others have none. */
    golden: Readonly<Record<string, Uint8Array>>;
    /** Categories of request fields in training by version; the others were registered without. */
    categories: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
  };
  /** What was counted since the set-up, by the values of the labels; what was not counted is absent. */
  metric(name: string): Promise<Readonly<Record<string, number>>>;
  start(): Promise<void>;
  stop(): Promise<void>;
  route(fields: Partial<rollout.Route>): Promise<void>;
  infer(fields?: Parameters<typeof inference.ModelInferRequest.fromPartial>[0]): Promise<inference.ModelInferResponse>;
}

/** The samples of a metric by the values of its labels, but for the service's name. */
function samples(text: string, name: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`));
  return new Map(
    lines.map((line) => {
      const labels = [...line.matchAll(/(\w+)="([^"]*)"/g)].filter(([, label]) => label !== 'service');
      return [labels.map(([, , value]) => value).join(' '), Number(line.slice(line.lastIndexOf(' ')))];
    }),
  );
}

export function setUp(overrides: Partial<GatewayOptions> = {}, applied = resources): Harness {
  const bus = new FakeBus();
  const runner = new FakeRunner();
  const records: Harness['records'] = [];
  const decided: decisions.Decision[] = [];
  const rewarded: { key: string; reward: decisions.RewardReceived }[] = [];
  const facts: string[] = [];
  const logLines: { level: string; message: string }[] = [];
  const logger = createLogger({
    service: 'gateway',
    write: (line) => void logLines.push(JSON.parse(line) as { level: string; message: string }),
  });
  const store = {
    online: { mgetBuffer: (keys: readonly string[]) => Promise.resolve(keys.map(() => null)) } as OnlineStore,
  };
  const queue = { bytes: 0 };
  const disk = { written: Promise.resolve() };
  const metrics = createMetrics('gateway');
  const metricsBefore = metrics.text();
  const versions: Harness['versions'] = { away: false, parameters: {}, golden: {}, categories: {} };
  const gateway = createGateway({
    bus,
    runner,
    logger,
    versions: {
      get: async (model, version) => {
        if (versions.away)
          throw new ServiceError({ code: 'EVL_GRPC_UNAVAILABLE', kind: 'retryable', message: 'registry away' });
        const golden = versions.golden[version];
        const digest = `${categoriesFile} ${version}`;
        const artifacts = [
          { name: 'model.onnx', digest: digestOf(version), sizeBytes: 1 },
          ...(golden === undefined ? [] : [{ name: 'golden.json', digest: version, sizeBytes: golden.length }]),
          ...(version in versions.categories ? [{ name: categoriesFile, digest, sizeBytes: 1 }] : []),
        ];
        const parameters = versions.parameters[version] ?? {};
        return registry.ModelVersion.fromPartial({ model, version, artifacts, parameters });
      },
    },
    path: (digest) => `/objects/${digest}`,
    readArtifact: (digest) => {
      const [, version] = digest.split(' ');
      if (version === undefined) return Promise.resolve(versions.golden[digest] ?? Buffer.of());
      const fields = Object.entries(versions.categories[version] ?? {});
      return Promise.resolve(encodeCategories(fields.map(([field, values]) => fieldCategories(field, values))));
    },
    createReader: (model, given) =>
      createOnlineReader(
        { mgetBuffer: (keys) => store.online.mgetBuffer(keys), health: () => store.online.health?.() ?? { ok: true } },
        model,
        given,
      ),
    log: {
      get queuedBytes() {
        return queue.bytes;
      },
      append: (stream, added) => {
        for (const { joinKey: key, value } of added) {
          if (stream === 'decided') decided.push(decisions.Decision.decode(value));
          else if (stream === 'rewarded') {
            const json: unknown = JSON.parse(value.toString('utf8'));
            rewarded.push({ key, reward: decisions.RewardReceived.fromJSON(json) });
          } else records.push({ stream, inference: serving.Inference.decode(value) });
        }
      },
      written: () => disk.written,
      flush: () => Promise.resolve(),
      advance: async (watermarkMs, streams) =>
        void facts.push(
          `${streams.length === 2 ? 'log' : `log of ${streams.join(' ')}`} ${watermarkMs} after ${records.length}`,
        ),
    },
    report: async (stage, watermarkMs) => void facts.push(`progress ${stage} ${watermarkMs}`),
    statistics: new Statistics(() => 2_000),
    telemetry: createTelemetry(logger, metrics, () => queue.bytes),
    nowMs: () => 1_000,
    clock: 'event',
    inFlightRowsMax: 512,
    batchRowsMax: 64,
    enrichInFlightMax: 2,
    shadowRowsMax: 1_024,
    shadowDeadlineMs: 1_000,
    decisionsMax: 100,
    explainEvaluationsMax: 2_048,
    explainBatchRows: 16,
    explainQueueRowsMax: 8,
    logBytesMax: 1_000,
    wallLagMs: 5_000,
    ...overrides,
  });
  return {
    ...{ bus, runner, gateway, records, decided, rewarded, facts, logLines, store, queue, disk, versions },
    async metric(name) {
      const [before, now] = [samples(await metricsBefore, name), samples(await metrics.text(), name)];
      const counted = [...now].map(([labels, value]) => [labels, value - (before.get(labels) ?? 0)] as const);
      return Object.fromEntries(counted.filter(([, value]) => value !== 0));
    },
    async start() {
      for (const resource of applied) await bus.give(topics.resources, registry.Resource.toJSON(toWire(resource)));
      for (const part of gateway.parts) await part.start();
    },
    async stop() {
      for (const part of gateway.parts.toReversed()) await part.stop();
    },
    route: (fields) => bus.give(topics.route, rollout.Route.toJSON(routeOf(fields))),
    infer: async (fields = {}) => gateway.service.modelInfer(inferRequest(fields)),
  };
}

/** A gateway that has started. */
export async function running(overrides: Partial<GatewayOptions> = {}): Promise<Harness> {
  const harness = setUp(overrides);
  await harness.start();
  return harness;
}

/** Gives a route and resolves when everything it wants is in force. */
export async function routed(harness: Harness, fields: Partial<rollout.Route>): Promise<void> {
  await harness.route(fields);
  await eventually(
    () =>
      harness.gateway.service.modelMetadata({ name: 'delay', version: '' }).properties['policy_revision'] ===
      (fields.revision ?? '1'),
  );
}
