import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inference, progress, registry, rollout, serving, toWire, topics, type ModelSpec } from '@everloop/contracts';
import { connect, createGrpcServer, implement, type GrpcServer } from '@everloop/grpc';
import type { Bus } from '@everloop/kafka';
import { createObjectStore } from '@everloop/storage';
import { eventually, testBrokers, testBus, testLogger, testRedisUrl, uniqueName } from '@everloop/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { logisticModel } from '../../../libs/onnx/src/fixtures.ts';
import { inferRequest, resourcesFor, spec, trip } from './fixtures.ts';
import { withTopicPrefix } from './topic-prefix.ts';

const prefix = uniqueName('pool');
const logger = testLogger('gateway');
const clients = 6;
const numeric: ModelSpec = {
  ...spec,
  views: [],
  inputs: [{ name: 'distance', type: 'number', from: 'request.distance' }],
};

/** One of those that NODE_OPTIONS refuses. */
const flag = '--initial-old-space-size=256';

let folder = '';
let bus: Bus;
let registryServer: GrpcServer;
let supervisor: ChildProcess;
let ports: { readonly grpc: number; readonly http: number };

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Process ids of the workers: the supervisor's only children. */
const workers = (): number[] =>
  readFileSync(`/proc/${supervisor.pid}/task/${supervisor.pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number);

interface Load {
  /** Request ids that were answered. */
  readonly answered: Set<string>;
  readonly failed: string[];
  stop(): Promise<void>;
}

/** Callers with a connection each, one call after the other. */
function load(name: string): Load {
  const answered = new Set<string>();
  const failed: string[] = [];
  let isOver = false;
  const caller = async (number: number): Promise<void> => {
    const address = `127.0.0.1:${ports.grpc}`;
    const client = connect(inference.GRPCInferenceServiceService, address, { name: 'test', deadlineMs: 20_000 });
    for (let call = 0; !isOver; call += 1) {
      const id = `${name}-${number}-${call}`;
      await client.modelInfer(inferRequest({ id, inputs: trip(id) })).then(
        () => answered.add(id),
        (error: unknown) => failed.push(String(error)),
      );
    }
    client.close();
  };
  const calling = Promise.all(Array.from({ length: clients }, (_, number) => caller(number)));
  return {
    answered,
    failed,
    stop: async () => {
      isOver = true;
      await calling;
    },
  };
}

async function logged(): Promise<string[]> {
  const ids: string[] = [];
  await bus.readAll([topics.inferenceServed], ({ records }) => {
    for (const { value } of records) ids.push(serving.Inference.decode(value ?? Buffer.alloc(0)).requestId);
  });
  return ids;
}

async function logWatermarks(): Promise<number[]> {
  const found: number[] = [];
  await bus.readAll([topics.progress], ({ records }) => {
    for (const { value } of records) {
      const report = progress.Progress.fromJSON(JSON.parse(String(value)));
      if (report.stage === 'log') found.push(report.watermarkMs);
    }
  });
  return found;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'everloop-pool-'));
  const objects = createObjectStore(join(folder, 'objects'));
  const digest = await objects.put(Buffer.from(logisticModel([0.01])));
  const getVersion = ({ model, version }: { readonly model: string; readonly version: string }) => {
    const artifacts = [{ name: 'model.onnx', digest, sizeBytes: 1 }];
    return { version: registry.ModelVersion.fromPartial({ model, version, artifacts }) };
  };
  registryServer = createGrpcServer({
    ...{ name: 'registry', host: '127.0.0.1', port: 0, logger },
    services: [implement({ getVersion: registry.RegistryServiceService.getVersion }, { getVersion })],
  });
  await registryServer.start();
  bus = withTopicPrefix(await testBus({ logger }), prefix);
  await bus.ensureTopics([topics.resources, topics.route].map((name) => ({ name, partitions: 1, compacted: true })));
  const publisher = bus.publisher({ name: 'test' });
  await publisher.start();
  const publish = (topic: string, key: string, json: unknown) =>
    publisher.publish([{ topic, partition: 0, key, value: JSON.stringify(json) }]);
  for (const resource of resourcesFor(numeric, 'conditions'))
    await publish(topics.resources, `${resource.kind}/${resource.name}`, registry.Resource.toJSON(toWire(resource)));
  const route = { model: 'delay', salt: 's', revision: '1', championVersion: '1' };
  await publish(topics.route, 'delay', rollout.Route.toJSON(rollout.Route.fromPartial(route)));
  await publisher.stop();
  ports = { grpc: await freePort(), http: await freePort() };
  supervisor = spawn(process.execPath, [flag, fileURLToPath(new URL('./pool-gateway.ts', import.meta.url))], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      ...{ NODE_OPTIONS: '', TEST_TOPIC_PREFIX: prefix, EVL_GATEWAY_WORKERS: '2', EVL_GATEWAY_WALL_LAG: '5s' },
      ...{ EVL_GRPC_PORT: String(ports.grpc), EVL_HTTP_PORT: String(ports.http) },
      ...{ KAFKA_BROKERS: testBrokers().join(','), REDIS_URL: testRedisUrl() },
      ...{ EVL_OBJECT_STORE: join(folder, 'objects'), EVL_DATA_DIR: join(folder, 'data') },
      EVL_REGISTRY_ADDRESS: `127.0.0.1:${registryServer.port}`,
    },
  });
});

afterAll(async () => {
  supervisor.kill('SIGKILL');
  await registryServer.stop();
  await bus.stop();
  await rm(folder, { recursive: true, force: true });
});

const isReady = async (): Promise<boolean> => {
  const response = await fetch(`http://127.0.0.1:${ports.http}/readyz`).catch(() => null);
  return response?.status === 200;
};
/** Both are there and neither is one of `before`; ready, as the metrics of both are there. */
const areReplaced = async (before: readonly number[]): Promise<boolean> => {
  const now = workers();
  if (now.length < 2 || now.some((pid) => before.includes(pid))) return false;
  return (await metric('everloop_gateway_pool_workers')) === 2;
};

async function metric(name: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${ports.http}/metrics`).catch(() => null);
  const text = response === null ? '' : await response.text();
  return [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))].reduce(
    (sum, [, value]) => sum + Number(value),
    0,
  );
}

describe('a pool of two workers', { timeout: 300_000 }, () => {
  const answered = new Set<string>();

  it('shares the ports and the flags of V8, and answers for the metrics of both', async () => {
    await eventually(isReady, { timeoutMs: 60_000 });
    await eventually(async () => (await metric('everloop_gateway_pool_workers')) === 2, { timeoutMs: 60_000 });
    for (const pid of workers()) expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')).toContain(flag);
    const calls = load('first');
    await eventually(() => calls.answered.size >= 300, { timeoutMs: 60_000 });
    await calls.stop();
    expect(calls.failed).toEqual([]);
    for (const id of calls.answered) answered.add(id);
    expect(await metric('everloop_gateway_requests_total')).toBe(calls.answered.size);
  });

  it('kill -9 of one under load: calls on its connections fail UNAVAILABLE, others go on, and another takes its place', async () => {
    const [victim = 0, other = 0] = workers();
    const calls = load('killed');
    await eventually(() => calls.answered.size >= 300, { timeoutMs: 60_000 });
    process.kill(victim, 'SIGKILL');
    const before = calls.answered.size;
    await eventually(async () => calls.answered.size > before + 300 && (await areReplaced([victim])), {
      timeoutMs: 60_000,
    });
    await calls.stop();
    expect(workers()).toContain(other);
    // A caller has one call under way, so at most one on each connection.
    expect(calls.failed.length).toBeLessThanOrEqual(clients);
    for (const error of calls.failed) expect(error).toMatch(/UNAVAILABLE|ECONNRESET|connection/i);
    for (const id of calls.answered) answered.add(id);
  });

  it('SIGHUP replaces both, one after the other, without a failed call', async () => {
    const before = workers();
    const calls = load('recycled');
    await eventually(() => calls.answered.size >= 300, { timeoutMs: 60_000 });
    supervisor.kill('SIGHUP');
    await eventually(() => areReplaced(before), { timeoutMs: 100_000 });
    await calls.stop();
    expect(calls.failed).toEqual([]);
    for (const id of calls.answered) answered.add(id);
  });

  it('logs every answered call once, each watermark once and in order, and stops as a whole', async () => {
    supervisor.kill('SIGTERM');
    const [code] = (await once(supervisor, 'exit')) as [number | null];
    expect(code).toBe(0);
    const ids = await logged();
    const distinct = new Set(ids);
    expect(ids.length).toBe(distinct.size);
    expect([...answered].filter((id) => !distinct.has(id))).toEqual([]);
    const watermarks = await logWatermarks();
    expect(watermarks.length).toBeGreaterThan(3);
    expect(watermarks).toEqual([...new Set(watermarks)].sort((a, b) => a - b));
  });

  it('has no prediction behind a watermark that is later than it', async () => {
    const seen = new Set<string>();
    const late: string[] = [];
    let watermarkMs = -Infinity;
    const follower = bus.follow({
      topics: [topics.inferenceServed],
      from: 'beginning',
      onRecord: ({ value }) => {
        const { requestId, eventTimeMs } = serving.Inference.decode(value ?? Buffer.alloc(0));
        seen.add(requestId);
        if (eventTimeMs < watermarkMs) late.push(`${requestId} at ${eventTimeMs} behind ${watermarkMs}`);
      },
      onWatermark: (_topic, reachedMs) => {
        watermarkMs = Math.max(watermarkMs, reachedMs);
      },
    });
    await follower.start();
    await eventually(() => seen.size >= answered.size);
    await follower.stop();
    expect(late).toEqual([]);
    expect(watermarkMs).toBeGreaterThan(0);
  });
});
