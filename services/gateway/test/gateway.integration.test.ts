import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inference, progress, registry, rollout, serving, toWire, topics, type ModelSpec } from '@everloop/contracts';
import { applyEvent, catalogOf, compileFromCatalog, encodeRow, newRow, rowKey, viewEvent } from '@everloop/features';
import { connect, createGrpcServer, implement } from '@everloop/grpc';
import { partitionOfKey, type Bus, type Publisher } from '@everloop/kafka';
import { createMetrics, loadConfig, type Part } from '@everloop/service';
import { createObjectStore, createRedis, type ObjectStore } from '@everloop/storage';
import { eventually, testBus, testLogger, testRedisUrl, uniqueName } from '@everloop/testing';
import { fastify } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addInferenceRoutes } from '../src/adapters/http-inference.ts';
import { composeGateway, type ComposedGateway } from '../src/compose.ts';
import { configSchema } from '../src/config.ts';
import { shadow } from './harness.ts';
import { inferRequest, resourcesFor, spec, trip } from './fixtures.ts';
import { logistic, sigmoid } from './real/logistic.ts';
import { withTopicPrefix } from './topic-prefix.ts';

const viewName = uniqueName('conditions');
const numericSpec: ModelSpec = {
  ...spec,
  views: [{ view: viewName, key: 'request.origin' }],
  inputs: [
    { name: 'distance', type: 'number', from: 'request.distance' },
    { name: 'wind', type: 'number', from: `${viewName}.wind` },
  ],
};
const resources = resourcesFor(numericSpec, viewName);
const logger = testLogger('gateway');
const atMs = Date.UTC(2013, 0, 1);

const weights = { '1': [0.01, 0], '2': [0, 0.1], '3': [-0.01, 0] } as const;

describe('gateway on real Kafka, Redis and ONNX Runtime', () => {
  const parts: Part[] = [];
  const digests = new Map<string, string>();
  let folder: string;
  let bus: Bus;
  let publisher: Publisher;
  let gateway: ComposedGateway;
  let objects: ObjectStore;
  let client: ReturnType<typeof connect<typeof inference.GRPCInferenceServiceService>>;

  const run = async (part: Part): Promise<void> => {
    parts.push(part);
    await part.start();
  };
  const publishJson = (topic: string, key: string, json: unknown) =>
    publisher.publish([{ topic, partition: 0, key, value: JSON.stringify(json) }]);
  const route = (fields: Partial<rollout.Route>) =>
    publishJson(
      topics.route,
      'delay',
      rollout.Route.toJSON(rollout.Route.fromPartial({ model: 'delay', salt: 's', ...fields })),
    );
  const revisionIs = (revision: string) =>
    eventually(async () => {
      const { config } = await client.modelConfig({ name: 'delay', version: '' });
      return config?.parameters['policy_revision']?.stringValue === revision;
    });
  const infer = (fields: Parameters<typeof inferRequest>[0] = {}) =>
    client.modelInfer(
      inferRequest({
        parameters: { event_time_ms: { parameterChoice: { $case: 'int64Param', value: BigInt(atMs) } } },
        ...fields,
      }),
    );
  const logged = async (topic: string) => {
    const found: { partition: number; inference: serving.Inference }[] = [];
    await bus.readAll([topic], ({ partition, records }) => {
      for (const { value } of records)
        found.push({ partition, inference: serving.Inference.decode(value ?? Buffer.alloc(0)) });
    });
    return found;
  };
  const stagesAt = async (watermarkMs: number) => {
    const stages: string[] = [];
    await bus.readAll([topics.progress], ({ records }) => {
      for (const { value } of records) {
        const report = progress.Progress.fromJSON(JSON.parse(String(value)));
        if (report.watermarkMs === watermarkMs) stages.push(report.stage);
      }
    });
    return stages.sort();
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'everloop-gateway-'));
    objects = createObjectStore(folder);
    for (const [version, w] of Object.entries(weights)) digests.set(version, await objects.put(logistic(w)));
    const registryServer = createGrpcServer({
      name: 'registry',
      host: '127.0.0.1',
      port: 0,
      logger,
      services: [
        implement(
          { getVersion: registry.RegistryServiceService.getVersion },
          {
            getVersion: ({ model, version }) => {
              const artifacts = [{ name: 'model.onnx', digest: digests.get(version) ?? '', sizeBytes: 1 }];
              return { version: registry.ModelVersion.fromPartial({ model, version, artifacts }) };
            },
          },
        ),
      ],
    });
    await run(registryServer);
    const redis = createRedis({ url: testRedisUrl(), logger, name: 'redis' });
    await run(redis);
    const view = compileFromCatalog(viewName, catalogOf(resources));
    const event = viewEvent(view, { origin: 'EWR', at: atMs - 1, wind: 10 }, { offset: 0, recordedMs: 0 });
    const row = newRow(view);
    if (event !== null) applyEvent(view, row, event);
    await redis.setManyAtomic([[rowKey(viewName, 0, 'EWR'), encodeRow(view, row), 600_000]]);

    bus = withTopicPrefix(await testBus({ logger }), uniqueName('gateway'));
    parts.push(bus);
    await bus.ensureTopics([topics.resources, topics.route].map((name) => ({ name, partitions: 1, compacted: true })));
    await bus.ensureTopics([{ name: topics.clock, partitions: 1 }]);
    publisher = bus.publisher({ name: 'test' });
    await run(publisher);
    for (const resource of resources) {
      await publishJson(
        topics.resources,
        `${resource.kind}/${resource.name}`,
        registry.Resource.toJSON(toWire(resource)),
      );
    }
    const config = loadConfig('gateway', configSchema, {
      EVL_GRPC_PORT: '0',
      EVL_CLOCK: 'event',
      REDIS_URL: testRedisUrl(),
      EVL_OBJECT_STORE: folder,
      EVL_DATA_DIR: join(folder, 'data'),
      EVL_REGISTRY_ADDRESS: `127.0.0.1:${registryServer.port}`,
    });
    gateway = composeGateway({ config, bus, logger, metrics: createMetrics('gateway') });
    for (const part of gateway.parts) if (part.name !== bus.name) await run(part);
    client = connect(inference.GRPCInferenceServiceService, `127.0.0.1:${gateway.grpc.port}`, {
      name: 'test',
      deadlineMs: 10_000,
    });
  });

  afterAll(async () => {
    client.close();
    for (const part of parts.toReversed()) await part.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('is live and ready, and says that no version is in service yet', async () => {
    expect(await client.serverLive({})).toEqual({ live: true });
    expect(await client.serverReady({})).toEqual({ ready: true });
    await eventually(async () => !(await client.modelReady({ name: 'delay', version: '' })).ready);
    await expect(infer()).rejects.toMatchObject({ code: 'EVL_GATEWAY_NO_VERSION', kind: 'retryable' });
  });

  it('answers with features from Redis and a model run by ONNX Runtime', async () => {
    await route({ revision: '1', championVersion: '1', shadows: [shadow('2')] });
    await revisionIs('1');
    const response = await infer({ id: 'first' });
    expect(response.outputs[0]?.contents?.fp32Contents[0]).toBeCloseTo(sigmoid(1), 6);
    expect(response.parameters['degraded']).toEqual({ parameterChoice: { $case: 'boolParam', value: false } });
  });

  it('logs each answered prediction and each shadow exactly once, by join key, before the watermark', async () => {
    await Promise.all(Array.from({ length: 200 }, (_, n) => infer({ id: `r${n}`, inputs: trip(`T${n}`) })));
    await publisher.publishWatermark(topics.clock, atMs + 1);
    await eventually(async () => (await stagesAt(atMs + 1)).includes('log'));
    const served = await logged(topics.inferenceServed);
    const shadowed = await logged(topics.inferenceShadowed);
    expect(new Set(served.map((each) => each.inference.decisionId)).size).toBe(201);
    expect([served.length, shadowed.length]).toEqual([201, 201]);
    for (const { partition, inference: each } of served) expect(partition).toBe(partitionOfKey(each.joinKey, 3));
    const shadow = shadowed.find((each) => each.inference.requestId === 'first');
    expect(shadow?.inference).toMatchObject({
      arm: 'shadow',
      modelVersion: '2',
      modelDigest: digests.get('2'),
      degradedViews: [],
      viewNames: [viewName],
      viewAgeSeconds: [0.001],
    });
    expect(shadow?.inference.inputValues).toEqual([
      { kind: { $case: 'number', value: 100 } },
      { kind: { $case: 'number', value: 10 } },
    ]);
    expect(shadow?.inference.score).toBeCloseTo(sigmoid(1), 6);
  });

  it('reports the watermark of the routes', async () => {
    await publisher.publishWatermark(topics.route, atMs + 2);
    await eventually(async () => (await stagesAt(atMs + 2)).includes('routes'));
  });

  it('reads a feature as of the request: nothing is known before it was observed', async () => {
    const early = { parameterChoice: { $case: 'int64Param' as const, value: BigInt(atMs - 86_400_000) } };
    await infer({ id: 'early', modelVersion: '2', parameters: { event_time_ms: early } });
    const found = await eventually(async () =>
      (await logged(topics.inferenceServed)).find((each) => each.inference.requestId === 'early'),
    );
    expect(found.inference).toMatchObject({ arm: 'pinned', score: 0.5, degradedViews: [viewName] });
  });

  it('refuses a malformed request with every reason and bytes that are no request', async () => {
    const refused = infer({ inputs: trip('T1').slice(0, 2), outputs: [{ name: 'x' }] });
    await expect(refused).rejects.toThrow(/field 'distance' \(number\) is missing; output 'x' is not known/);
    await expect(refused).rejects.toMatchObject({ kind: 'terminal', cause: { code: 3 } });
    await expect(infer({ modelName: 'other' })).rejects.toMatchObject({ cause: { code: 5 } });
  });

  it('keeps serving when the next version is corrupt and takes it when its file is whole again', async () => {
    const path = objects.path(digests.get('3') ?? '');
    const whole = await readFile(path);
    await writeFile(path, whole.subarray(0, whole.length - 20));
    await route({ revision: '2', championVersion: '3', shadows: [shadow('1')] });
    await publisher.publishWatermark(topics.route, atMs + 3);
    const line = await eventually(() =>
      logger.lines.find((each) => JSON.stringify(each).includes('EVL_GATEWAY_MODEL_UNUSABLE')),
    );
    expect(JSON.stringify(line)).toContain(digests.get('3'));
    expect((await infer({ id: 'meanwhile' })).modelVersion).toBe('1');
    expect(await stagesAt(atMs + 3)).toEqual([]);
    await writeFile(path, whole);
    await revisionIs('2');
    await eventually(async () => (await stagesAt(atMs + 3)).includes('routes'));
    expect((await infer({ id: 'after' })).modelVersion).toBe('3');
  });

  it('answers requests over Kafka by the same path, and logs them', async () => {
    const features = { trip: 'T8', origin: 'EWR', distance: 100 };
    const ask = (body: object) => ({ topic: topics.predictRequest, key: 'T8', value: JSON.stringify(body) });
    await publisher.publish([
      ask({ model: 'delay', id: 'asked', features, event_time_ms: atMs }),
      ask({ model: 'delay', id: 'bad', features: { trip: 'T8' }, event_time_ms: atMs }),
    ]);
    const answers = await eventually(async () => {
      const found: unknown[] = [];
      await bus.readAll([topics.predictAnswer], ({ records }) => {
        for (const { value } of records) found.push(JSON.parse(String(value)));
      });
      return found.length === 2 && found;
    });
    expect(answers).toMatchObject([
      { id: 'asked', prediction: { model_version: '3', arm: 'champion', degraded: false } },
      { id: 'bad', error: { code: 'EVL_GATEWAY_REQUEST_INVALID', retryable: false } },
    ]);
    const [first] = answers as readonly { prediction: { score: number; decision_id: string } }[];
    expect(first?.prediction.score).toBeCloseTo(sigmoid(-1), 6);
    const record = await eventually(async () =>
      (await logged(topics.inferenceServed)).find((each) => each.inference.requestId === 'asked'),
    );
    expect(record.inference.decisionId).toBe(first?.prediction.decision_id);
  });

  it('answers the same over REST', async () => {
    const app = fastify();
    addInferenceRoutes(app, gateway.service, { bodyBytesMax: 1_000_000 });
    const inputs = [
      { name: 'trip', datatype: 'BYTES', shape: [1], data: ['T9'] },
      { name: 'origin', datatype: 'BYTES', shape: [1, 1], data: [['EWR']] },
      { name: 'distance', datatype: 'FP64', shape: [1], data: [100] },
    ];
    const payload = { id: 'rest', inputs, parameters: { event_time_ms: atMs } };
    const good = await app.inject({ method: 'POST', url: '/v2/models/delay/infer', payload });
    expect(good.statusCode).toBe(200);
    const body = good.json<{ model_version: string; outputs: { data: number[] }[]; parameters: object }>();
    expect(body).toMatchObject({ model_version: '3', id: 'rest', parameters: { arm: 'champion', degraded: false } });
    expect(body.outputs[0]?.data[0]).toBeCloseTo(sigmoid(-1), 6);
    const status = async (method: 'GET' | 'POST', url: string, json?: object) =>
      (await app.inject({ method, url, ...(json === undefined ? {} : { payload: json }) })).statusCode;
    expect(await status('POST', '/v2/models/delay/infer', { inputs: [] })).toBe(400);
    expect(await status('POST', '/v2/models/nope/infer', payload)).toBe(404);
    expect(await status('GET', '/v2/models/delay')).toBe(200);
    expect(await status('GET', '/v2/models/delay/ready')).toBe(200);
    expect(await status('GET', '/v2/models/nope')).toBe(404);
    expect(await status('GET', '/v2/health/live')).toBe(200);
    expect(await status('GET', '/v2/health/ready')).toBe(200);
    await app.close();
  });
});
