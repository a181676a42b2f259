import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  drift,
  monitorDefaults,
  registry,
  resourceKey,
  serving,
  topics,
  toWire,
  type ModelSpec,
  type MonitorSpec,
  type SourceSpec,
  type TypedResource,
} from '@everloop/contracts';
import { createGrpcServer, implement } from '@everloop/grpc';
import { createKafkaBus } from '@everloop/kafka';
import { freePorts, startLocalKafka, type LocalKafka } from '@everloop/local';
import { createLogger, createMetrics, ServiceError } from '@everloop/service';
import { buildFieldReference, randomIndex } from '@everloop/stats';
import { createObjectStore } from '@everloop/storage';

export const partitions = 4;
export const model = 'risk';
const version = '1';
const day = 86_400_000;
const startMs = Date.UTC(2026, 0, 1);
const publishedTogether = 5_000;
const featureCount = 20;
const referenceRows = 50_000;

export const featureNames: readonly string[] = Array.from(
  { length: featureCount },
  (_, i) => `feature_${String(i).padStart(2, '0')}`,
);

/** Uniform numbers in (0, 1) that every run repeats. */
function uniforms(seed: number): () => number {
  const random = randomIndex(seed);
  return () => (random(2 ** 24) + 0.5) / 2 ** 24;
}

/** A standard normal number (Box and Muller 1958): millions are needed. */
function normal(next: () => number): number {
  return Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next());
}

/** Twenty numbers of different scale and shape, a hundredth of them missing. */
function valuesOf(next: () => number): readonly (number | null)[] {
  return featureNames.map((_, i) => {
    if (next() < 0.01) return null;
    const z = normal(next);
    return i % 3 === 0 ? Math.exp(z) * 10 ** (i % 5) : i % 3 === 1 ? 50 + 12 * z : Math.round(5 + 2 * z);
  });
}

function valueOf(value: number | null): serving.FeatureValue {
  return { kind: value === null ? { $case: 'missing', value: true } : { $case: 'number', value } };
}

/** Predictions `from` to `from + size`, `perDay` of them an event day. */
export function predictions(from: number, size: number, perDay: number): readonly serving.Inference[] {
  const next = uniforms(from + 1);
  return Array.from({ length: size }, (_, i) => {
    const id = `d${from + i}`;
    return serving.Inference.fromPartial({
      ...{ decisionId: id, requestId: id, model, modelVersion: version, championVersion: version, arm: 'champion' },
      ...{ propensity: 1, policyRevision: '1', joinKey: id, unit: `u${(from + i) % 40_000}`, verdict: 'accept' },
      eventTimeMs: startMs + Math.floor(((from + i) * day) / perDay),
      inputNames: [...featureNames],
      inputValues: valuesOf(next).map(valueOf),
      score: next(),
      modelDigest: 'ab'.repeat(32),
    });
  });
}

/** What a training on rows of the same distribution writes. */
export function baselineMessage(): drift.Baseline {
  const next = uniforms(4_711);
  const rows = Array.from({ length: referenceRows }, () => valuesOf(next));
  const fields = featureNames.map((name, i) =>
    buildFieldReference(
      'numeric',
      name,
      rows.map((row) => row[i]),
    ),
  );
  const score = buildFieldReference(
    'numeric',
    'score',
    Array.from({ length: referenceRows }, () => next()),
  );
  return drift.Baseline.fromPartial({ model, modelVersion: version, fields: [...fields, score], rows: referenceRows });
}

export function monitorSpec(): MonitorSpec {
  return { ...monitorDefaults, model, windowMs: day, retrain: false };
}

const source: SourceSpec = {
  ...{ topic: 'settled', partitions, format: 'json', key: 'id', eventTime: 'at', allowedLatenessMs: 0 },
  ...{ unexpected: 'keep', compatibility: 'backward', unique: [], rules: [] },
  fields: { id: { type: 'string', required: true }, at: { type: 'timestamp', required: true } },
};

const modelSpec: ModelSpec = {
  request: [{ name: 'id', type: 'string' }, ...featureNames.map((name) => ({ name, type: 'number' }) as const)],
  joinKey: 'id',
  examples: { source: 'settled', time: 'at', offsetMs: 0 },
  views: [],
  inputs: featureNames.map((name) => ({ name, type: 'number', from: `request.${name}` }) as const),
  label: { source: 'settled', key: 'id', field: 'at', above: 0, waitMs: day },
  training: {
    ...{ recipe: 'gbdt', parameters: {}, seed: 1, minRows: 1, windowMs: day, timeHoldoutMs: day },
    ...{ fixedHoldoutPercent: 10, fixedHoldoutSalt: 's', timeoutMs: day },
  },
  gates: { minRows: 1, minAuc: 0.5, minRecentGain: 0, maxFixedLoss: 0, confidence: 0.95 },
};

const resources: readonly TypedResource[] = [
  { kind: 'Source', name: 'settled', revision: 1, spec: source },
  { kind: 'Model', name: model, revision: 1, spec: modelSpec },
  { kind: 'Monitor', name: 'watch', revision: 1, spec: monitorSpec() },
];

/** A registry that knows one version with its baseline. */
async function startRegistry(digest: string) {
  const unused = (): Promise<never> =>
    Promise.reject(
      new ServiceError({ code: 'EVL_BENCH_UNUSED', kind: 'bug', message: 'the benchmark needs no such call' }),
    );
  const artifacts = [{ name: 'baseline.json', digest, sizeBytes: 1 }];
  const service = implement(registry.RegistryServiceService, {
    ...{ applyResources: unused, listResources: unused, listRevisions: unused, registerVersion: unused },
    ...{ setStage: unused, listVersions: unused, verifyLedger: unused },
    getVersion: (asked) =>
      Promise.resolve({ version: registry.ModelVersion.fromPartial({ model, version: asked.version, artifacts }) }),
  });
  const logger = createLogger({ service: 'bench', level: 'error' });
  const server = createGrpcServer({ name: 'registry', host: '127.0.0.1', port: 0, services: [service], logger });
  await server.start();
  return server;
}

export interface DriftWorld {
  readonly kafka: LocalKafka;
  readonly registryAddress: string;
  readonly objectStore: string;
  close(): Promise<void>;
}

/** A broker with `rows` predictions of ten event days, their watermarks, the resources, and a registry with the baseline. */
export async function createDriftWorld(rows: number): Promise<DriftWorld> {
  const folder = mkdtempSync(path.join(tmpdir(), 'everloop-bench-'));
  const [port = 0, controllerPort = 0] = await freePorts(2);
  const kafka = await startLocalKafka({ dir: folder, port, controllerPort, log: (line) => console.error(line) });
  const logger = createLogger({ service: 'bench', level: 'error' });
  const bus = createKafkaBus({
    ...{ brokers: [kafka.brokers], clientId: 'bench', logger, metrics: createMetrics('bench') },
  });
  await bus.start();
  await bus.ensureTopics([
    { name: topics.resources, partitions: 1, compacted: true },
    { name: topics.inferenceServed, partitions },
  ]);
  const publisher = bus.publisher({ name: 'bench' });
  await publisher.start();
  for (let from = 0; from < rows; from += publishedTogether) {
    const portion = predictions(from, Math.min(publishedTogether, rows - from), rows / 10);
    await publisher.publish(
      portion.map((row, i) => {
        const value = Buffer.from(serving.Inference.encode(row).finish());
        return { topic: topics.inferenceServed, partition: (from + i) % partitions, key: row.joinKey, value };
      }),
    );
    await publisher.publishWatermark(topics.inferenceServed, portion.at(-1)?.eventTimeMs ?? startMs);
  }
  const applied = resources.map((one) => ({
    ...{ topic: topics.resources, partition: 0, key: resourceKey(one) },
    value: JSON.stringify(registry.Resource.toJSON(toWire(one))),
  }));
  await publisher.publish(applied);
  await publisher.stop();
  await bus.stop();
  const objectStore = path.join(folder, 'objects');
  const bytes = Buffer.from(JSON.stringify(drift.Baseline.toJSON(baselineMessage())));
  const server = await startRegistry(await createObjectStore(objectStore).put(bytes));
  return {
    ...{ kafka, objectStore, registryAddress: `127.0.0.1:${server.port}` },
    async close() {
      await server.stop();
      await kafka.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
