import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drift, registry, serving, topics, toWire, training } from '@everloop/contracts';
import { connect, createGrpcServer, implement, type GrpcServer } from '@everloop/grpc';
import type { Bus, Publisher } from '@everloop/kafka';
import { createLogger, createMetrics, ServiceError, type Part } from '@everloop/service';
import { createObjectStore } from '@everloop/storage';
import { eventually, isolatedBus, testBus, uniqueName } from '@everloop/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createKafkaSurroundings } from '../src/adapters/kafka-surroundings.ts';
import { createRegistryBaselines } from '../src/adapters/registry-baselines.ts';
import { createRegistryHistories } from '../src/adapters/registry-histories.ts';
import { createRegistryPromises } from '../src/adapters/registry-promises.ts';
import { cacheBaselines } from '../src/app/cached-baselines.ts';
import { createStages } from '../src/app/stages.ts';
import { createQualityTelemetry } from '../src/quality-telemetry.ts';
import { createTelemetry } from '../src/telemetry.ts';
import { baselineMessage, day, dayOfRows, monitor } from '@everloop/drift/fixtures';
import { modelOf, sourceOf } from './resources.ts';

const logger = createLogger({ service: 'drift-detector', level: 'error' });
const telemetry = createTelemetry(logger, createMetrics('drift-detector'));
let inner: Bus;
let bus: Bus;
let publisher: Publisher;
let server: GrpcServer;
let folder: string;
let running: Part[];
let closers: (() => void)[];

/** The registry's side of GetVersion; this service calls nothing else. */
async function startRegistry(digest: string): Promise<GrpcServer> {
  const unused = async (): Promise<never> => {
    throw new ServiceError({ code: 'EVL_TEST_UNUSED', kind: 'bug', message: 'not called by the drift-detector' });
  };
  const service = implement(registry.RegistryServiceService, {
    applyResources: unused,
    listResources: unused,
    listRevisions: unused,
    registerVersion: unused,
    setStage: unused,
    listVersions: unused,
    verifyLedger: unused,
    getVersion: async ({ model: name, version }) => {
      if (version !== '1') {
        throw new ServiceError({
          code: 'EVL_TEST_VERSION_NOT_FOUND',
          kind: 'terminal',
          message: `no version ${version}`,
        });
      }
      const artifacts = [{ name: 'baseline.json', digest, sizeBytes: 1 }];
      return { version: registry.ModelVersion.fromPartial({ model: name, version, artifacts }) };
    },
  });
  const started = createGrpcServer({ name: 'registry', host: '127.0.0.1', port: 0, services: [service], logger });
  await started.start();
  return started;
}

function service(): Part {
  const client = connect(registry.RegistryServiceService, `127.0.0.1:${server.port}`, {
    name: 'test',
    deadlineMs: 5_000,
  });
  closers.push(() => client.close());
  const objects = createObjectStore(folder);
  const baselines = cacheBaselines(createRegistryBaselines(client, objects, telemetry), 4);
  const histories = createRegistryHistories(client, objects, telemetry);
  const part = createStages({
    bus,
    baselines,
    histories,
    phasesMax: 4,
    promises: createRegistryPromises(client, logger),
    telemetry,
    qualityTelemetry: createQualityTelemetry(logger, createMetrics('drift-detector')),
    surroundings: createKafkaSurroundings(bus, telemetry),
  });
  running.push(part);
  return part;
}

beforeEach(async () => {
  running = [];
  closers = [];
  folder = await mkdtemp(join(tmpdir(), 'drift-'));
  const digest = await createObjectStore(folder).put(
    // As a recipe writes it: without the version's number.
    Buffer.from(JSON.stringify(drift.Baseline.toJSON(baselineMessage('')))),
  );
  server = await startRegistry(digest);
  inner = await testBus();
  bus = isolatedBus(inner, uniqueName('drift'));
  await bus.ensureTopics([{ name: topics.resources, partitions: 1, compacted: true }]);
  publisher = bus.publisher({ name: 'test' });
  await publisher.start();
});

afterEach(async () => {
  for (const part of running) await part.stop();
  for (const close of closers) close();
  await publisher.stop();
  await inner.stop();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

async function apply(): Promise<void> {
  const resources = [
    toWire({ kind: 'Source', name: 'arrived', revision: 1, spec: sourceOf(2) }),
    toWire({ kind: 'Model', name: 'm', revision: 1, spec: modelOf(2 * day) }),
    toWire({ kind: 'Monitor', name: 'watch', revision: 1, spec: monitor({ coolDownMs: 10 * day }).spec }),
  ];
  await publisher.publish(
    resources.map((one) => ({ topic: topics.resources, key: `${one.kind}/${one.name}`, value: JSON.stringify(one) })),
  );
}

async function week(number: number, shift: number, champion = '1'): Promise<void> {
  for (let i = 0; i < 7; i += 1) {
    const rows = dayOfRows(number * 10 + i + 1, (number * 7 + i) * day, 100, shift, champion);
    await publisher.publish(
      rows.map((row) => ({
        topic: topics.inferenceServed,
        key: row.joinKey,
        value: Buffer.from(serving.Inference.encode(row).finish()),
      })),
    );
    await publisher.publishWatermark(topics.inferenceServed, (number * 7 + i + 1) * day);
    await publisher.publishWatermark(topics.outcomeStats, (number * 7 + i + 1) * day);
  }
}

async function passed(watermarkMs: number): Promise<void> {
  let seen = -Infinity;
  const follower = bus.follow({
    topics: [topics.retrainingRequested],
    from: 'beginning',
    onRecord: () => undefined,
    onWatermark: (_, at) => void (seen = at),
  });
  await follower.start();
  await eventually(() => seen >= watermarkMs, { timeoutMs: 60_000, what: `watermark ${watermarkMs}` });
  await follower.stop();
}

async function read<T>(topic: string, decode: (json: unknown) => T): Promise<readonly T[]> {
  const all: T[] = [];
  await bus.readAll([topic], ({ records }) => {
    for (const { value } of records) all.push(decode(JSON.parse(value?.toString('utf8') ?? '')));
  });
  return all;
}

describe('drift on a real broker', () => {
  test('reports every window once, alerts, asks for one retraining, and keeps its cool-down over a restart', async () => {
    const first = service();
    await first.start();
    await apply();
    await eventually(
      () =>
        bus
          .awaitTopics([topics.inferenceServed, topics.outcomeStats, topics.retrainingRequested], 1_000)
          .then(() => true),
      {
        timeoutMs: 20_000,
      },
    );
    await week(0, 0);
    await week(1, 0.4);
    await passed(14 * day);
    await first.stop();

    const second = service();
    await second.start();
    await week(2, 0.4);
    await week(3, 0, '7');
    await passed(28 * day);

    const reports = await read(topics.driftReport, (json) => drift.DriftReport.fromJSON(json));
    expect(reports.map(({ verdict, rows, windowEndMs }) => [verdict, rows, windowEndMs / day])).toEqual([
      [drift.DriftVerdict.STABLE, 700, 7],
      [drift.DriftVerdict.DRIFTED, 700, 14],
      [drift.DriftVerdict.DRIFTED, 700, 21],
      [drift.DriftVerdict.INSUFFICIENT, 700, 28],
    ]);
    expect(reports.map(({ reason }) => reason)).toEqual([
      expect.stringMatching(/^stable: 0 of 3/),
      expect.stringMatching(/^1 of 3 fields drifted from version 1: temp/),
      expect.stringMatching(/^1 of 3 fields drifted from version 1: temp/),
      'version 7 has no baseline',
    ]);
    const decisions = await read(topics.driftDecision, (json) => drift.Decision.fromJSON(json));
    const { NONE, REQUESTED, SUPPRESSED } = drift.RetrainOutcome;
    expect(decisions.map(({ outcome, reportId, alarm }) => [outcome, reportId, alarm])).toEqual([
      [NONE, reports[0]?.id, false],
      [REQUESTED, reports[1]?.id, true],
      [SUPPRESSED, reports[2]?.id, true],
      [NONE, reports[3]?.id, true],
    ]);
    expect(decisions[1]).toMatchObject({ correlationId: reports[1]?.id });
    expect(decisions[2]).toMatchObject({ correlationId: reports[1]?.id });
    const alerts = await read(topics.driftAlert, (json) => drift.DriftAlert.fromJSON(json));
    expect(alerts).toMatchObject([{ fields: ['temp'], eventTimeMs: 14 * day, resolved: false, kind: 'data' }]);
    const requests = await read(topics.retrainingRequested, (json) => training.RetrainingRequested.fromJSON(json));
    expect(requests).toMatchObject([
      {
        ...{ model: 'm', trigger: 'drift', eventTimeMs: 14 * day, id: decisions[1]?.requestId },
        ...{ causeId: decisions[1]?.id, correlationId: reports[1]?.id },
      },
    ]);
  });
});
