import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { features, registry, toWire, topics, training } from '@everloop/contracts';
import { createGrpcServer, implement } from '@everloop/grpc';
import type { Bus } from '@everloop/kafka';
import { createMetrics, deferred, loadConfig, type Part } from '@everloop/service';
import { openDuckDb } from '@everloop/storage';
import { eventually, isolatedBus, testBus, testLogger, uniqueName } from '@everloop/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compose } from '../src/compose.ts';
import { configSchema } from '../src/config.ts';
import { jobIdOf } from '../src/domain/job-ids.ts';
import { dayMs, memoryLedger, modelSpec } from './fakes.ts';
import { createSyntheticTable, freeze } from './synthetic.ts';

const spec = modelSpec({ training: { windowMs: 40 * dayMs, timeHoldoutMs: 8 * dayMs } });
const ledger = memoryLedger();
const logger = testLogger();
const events: training.JobEvent[] = [];
const watermarks: number[] = [];
const waiting: { untilMs: number; done: () => void }[] = [];
let dir = '';
let inner: Bus;
let bus: Bus;
let servers: (Part & { readonly port: number })[] = [];
let database: Awaited<ReturnType<typeof openDuckDb>>;

function startServers() {
  const registryCalls = implement(registry.RegistryServiceService, {
    ...({} as Parameters<typeof implement<typeof registry.RegistryServiceService>>[1]),
    listVersions: async ({ model }) => ({ versions: [...(await ledger.versions(model))] }),
    registerVersion: async ({ version }) => ({
      version: version === undefined ? undefined : await ledger.register(version),
    }),
  });
  const featureCalls = implement(features.FeatureServiceService, {
    ...({} as Parameters<typeof implement<typeof features.FeatureServiceService>>[1]),
    countLabels: async ({ asOfMs }) => ({ rows: Math.floor(asOfMs / dayMs) * 120 }),
    createDataset: async ({ fromMs, untilMs }) => {
      const path = join(dir, `${fromMs}.parquet`);
      await freeze(database, path, fromMs, untilMs);
      const dataset = { contentHash: 'h', rows: 4_800, fromMs, untilMs, uri: path };
      return features.CreateDatasetResponse.fromPartial({ path, dataset });
    },
  });
  return [registryCalls, featureCalls].map((service, index) =>
    createGrpcServer({ name: `fake-${index}`, host: '127.0.0.1', port: 0, services: [service], logger }),
  );
}

function trainerParts(): readonly Part[] {
  const env = {
    EVL_GRPC_PORT: '0',
    EVL_REGISTRY_ADDRESS: `127.0.0.1:${servers[0]?.port}`,
    EVL_FEATURES_ADDRESS: `127.0.0.1:${servers[1]?.port}`,
    EVL_OBJECT_STORE: join(dir, 'objects'),
    EVL_DATA_DIR: join(dir, 'data'),
  };
  return compose({ config: loadConfig('trainer', configSchema, env), bus, logger, metrics: createMetrics('trainer') });
}

/** Passes a watermark to the trainer and waits until it comes out at the other side. */
async function step(watermarkMs: number): Promise<void> {
  const passed = deferred();
  waiting.push({ untilMs: watermarkMs, done: passed.resolve });
  const publisher = bus.publisher({ name: 'marker' });
  await publisher.start();
  await publisher.publishWatermark(topics.retrainingRequested, watermarkMs);
  await publisher.stop();
  await passed.promise;
}

async function publish(topic: string, key: string, value: object): Promise<void> {
  const publisher = bus.publisher({ name: 'test' });
  await publisher.start();
  await publisher.publish([{ topic, key, value: JSON.stringify(value) }]);
  await publisher.stop();
}

async function startAll(parts: readonly Part[]): Promise<void> {
  for (const part of parts) await part.start();
}

async function stopAll(parts: readonly Part[]): Promise<void> {
  for (const part of parts.toReversed()) await part.stop();
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'everloop-trainer-it-'));
  database = await openDuckDb({ threads: 1 });
  await createSyntheticTable(database, 90, 45);
  inner = await testBus();
  bus = isolatedBus(inner, uniqueName('trainer'));
  servers = startServers();
  await startAll(servers);
  await bus.ensureTopics([
    ...[topics.retrainingRequested, topics.trainingJob].map((name) => ({ name, partitions: 1 })),
    { name: topics.resources, partitions: 1, compacted: true },
  ]);
  await publish(
    topics.resources,
    'Model/m',
    registry.Resource.toJSON(toWire({ kind: 'Model', name: 'm', revision: 1, spec })) as object,
  );
  const trigger = toWire({ kind: 'Trigger', name: 'first', revision: 1, spec: { model: 'm', rows: 120 * 42 } });
  await publish(topics.resources, 'Trigger/first', registry.Resource.toJSON(trigger) as object);
  const follower = bus.follow({
    topics: [topics.trainingJob],
    from: 'beginning',
    onRecord: (record) => void events.push(training.JobEvent.fromJSON(JSON.parse(record.value?.toString() ?? ''))),
    onWatermark: (_topic, watermarkMs) => {
      watermarks.push(watermarkMs);
      for (const each of waiting.splice(0)) {
        if (watermarkMs >= each.untilMs) each.done();
        else waiting.push(each);
      }
    },
  });
  await follower.start();
  servers.push({ ...follower, name: 'follower', port: 0, start: async () => undefined, stop: () => follower.stop() });
});

afterAll(async () => {
  await stopAll(servers);
  await inner.stop();
  database.close();
  await rm(dir, { recursive: true, force: true });
});

const request = (id: string, day: number) => ({
  id,
  model: 'm',
  trigger: 'drift',
  reason: 'drifted',
  eventTimeMs: day * dayMs,
  causeId: '',
});
const shown = () => events.map((event) => `${event.state.replace('JOB_STATE_', '')} ${event.trigger}`);

describe('the trainer on Kafka', () => {
  it('trains the first version when there are rows, a better one on drift, and each request once over a restart', async () => {
    const first = trainerParts();
    await startAll(first);
    await step(41 * dayMs);
    expect(events).toEqual([]);
    await step(42 * dayMs);
    expect(shown()).toEqual(['STARTED rows', 'SUCCEEDED rows']);
    expect(events[1]).toMatchObject({ version: '1', versionStage: 'approved', eventTimeMs: 42 * dayMs });
    ledger.all[0] = { ...(ledger.all[0] as registry.ModelVersion), stage: 'production' };
    await stopAll(first);

    await publish(topics.retrainingRequested, 'm', request('b', 88));
    await publish(topics.retrainingRequested, 'm', request('a', 88));
    const second = trainerParts();
    await startAll(second);
    await step(89 * dayMs);
    expect(shown().slice(2)).toEqual(['SKIPPED drift', 'STARTED drift', 'SUCCEEDED drift']);
    expect(events.at(-1)).toMatchObject({ requestId: 'a', version: '2', versionStage: 'approved' });
    await stopAll(second);

    const third = trainerParts();
    await startAll(third);
    await publish(topics.retrainingRequested, 'm', request('a', 88));
    await step(90 * dayMs);
    await stopAll(third);
    expect(events).toHaveLength(5);
    expect(ledger.all).toHaveLength(2);
    expect(watermarks).toEqual([41, 42, 89, 90].map((day) => day * dayMs));
  });

  it('gives up a running job when it stops, and does it after the next start', async () => {
    const known = events.length;
    const parts = trainerParts();
    await startAll(parts);
    const next = { ...request('c', 89), model: 'm' };
    await publish(topics.retrainingRequested, 'm', next);
    const passed = step(91 * dayMs);
    const isTraining = () =>
      logger.lines.some((line) => line['message'] === 'training started' && line['jobId'] === jobIdOf('c'));
    await eventually(isTraining, { timeoutMs: 60_000, what: 'the start of the job' });
    const startedAt = performance.now();
    await stopAll(parts);
    expect(performance.now() - startedAt).toBeLessThan(15_000);
    const again = trainerParts();
    await startAll(again);
    await passed;
    await stopAll(again);
    expect(events.slice(known).map((event) => event.requestId)).toEqual(['c', 'c']);
    expect(ledger.all).toHaveLength(3);
  });
});
