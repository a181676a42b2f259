import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { registry, rollout, servingApi, toWire, topics, type ModelSpec, type SourceSpec } from '@everloop/contracts';
import { connect, createGrpcServer, implement } from '@everloop/grpc';
import type { Bus, Publisher } from '@everloop/kafka';
import { freePorts, superviseProcess, type SupervisedProcess } from '@everloop/local';
import type { Part } from '@everloop/service';
import { createObjectStore } from '@everloop/storage';
import { isolatedBus, testBrokers, testBus, testLogger, testRedisUrl, uniqueName } from '@everloop/testing';
import { logistic } from '../../../services/gateway/test/real/logistic.ts';

export const waitMs = 600_000;

const source: SourceSpec = {
  ...{ topic: 'visits', partitions: 2, format: 'json', key: 'visit', eventTime: 'at', allowedLatenessMs: 0 },
  ...{ unexpected: 'drop', compatibility: 'backward', unique: [], rules: [] },
  fields: { visit: { type: 'string', required: true }, at: { type: 'timestamp', required: true } },
};

/** Chooses one of three places for a banner; version 1 believes in the first, version 2 in the last. */
const model: ModelSpec = {
  request: [
    { name: 'visit', type: 'string' },
    { name: 'age', type: 'number' },
    { name: 'place', type: 'number' },
  ],
  joinKey: 'visit',
  choose: { input: 'place', actions: [1, 2, 3], epsilon: 0.2, floor: 0.05, halfAt: 0, warmUp: 5 },
  rewards: { waitMs, default: 0, aggregate: 'earliest', min: 0, max: 1 },
  examples: { source: 'visits', time: 'at', offsetMs: 0 },
  views: [],
  inputs: [
    { name: 'place', type: 'number', from: 'request.place' },
    { name: 'age', type: 'number', from: 'request.age' },
  ],
  label: { source: 'visits', key: 'visit', field: 'at', above: 0, waitMs },
  training: {
    ...{ recipe: 'gbdt', parameters: {}, seed: 1, minRows: 1, windowMs: 2, timeHoldoutMs: 1, fixedHoldoutPercent: 10 },
    ...{ fixedHoldoutSalt: 's', timeoutMs: 1 },
  },
  gates: { minRows: 1, minAuc: 0.5, minRecentGain: 0, maxFixedLoss: 0, confidence: 0.95 },
};
const weights = { '1': [-1, 0], '2': [1, 0] } as const;

/** Gateway and outcomes in processes of their own, on topics of their own. */
export interface World {
  readonly bus: Bus;
  readonly publisher: Publisher;
  readonly serving: ReturnType<typeof connect<typeof servingApi.ServingServiceService>>;
  /** Kills it as `kill -9` does, and starts it again in the same folder. */
  restart(which: 'gateway' | 'outcomes'): Promise<void>;
  stop(): Promise<void>;
}

export async function startWorld(): Promise<World> {
  const logger = testLogger('decisions');
  const folder = await mkdtemp(join(tmpdir(), 'everloop-decisions-'));
  const prefix = uniqueName('decisions');
  const inner = await testBus();
  const bus = isolatedBus(inner, prefix);
  const publisher = bus.publisher({ name: 'test' });
  const objects = createObjectStore(folder);
  const digests = new Map<string, string>();
  for (const [version, w] of Object.entries(weights)) digests.set(version, await objects.put(logistic(w)));
  const getVersion = ({ model: name, version }: registry.GetVersionRequest) => ({
    version: registry.ModelVersion.fromPartial({
      ...{ model: name, version },
      artifacts: [{ name: 'model.onnx', digest: digests.get(version) ?? '', sizeBytes: 1 }],
    }),
  });
  const versions = createGrpcServer({
    ...{ name: 'registry', host: '127.0.0.1', port: 0, logger },
    services: [implement({ getVersion: registry.RegistryServiceService.getVersion }, { getVersion })],
  });
  const parts: Part[] = [versions, publisher];
  for (const part of parts) await part.start();
  await declare(bus, publisher);
  const [grpcPort = 0, httpPort = 0, outcomesPort = 0] = await freePorts(3);
  const env = {
    ...{ PATH: process.env['PATH'], KAFKA_BROKERS: testBrokers().join(','), REDIS_URL: testRedisUrl() },
    ...{ TEST_TOPIC_PREFIX: prefix, EVL_CLOCK: 'event', EVL_LOG_LEVEL: 'warn', EVL_OBJECT_STORE: folder },
    ...{ EVL_DATA_DIR: join(folder, 'data'), EVL_REGISTRY_ADDRESS: `127.0.0.1:${versions.port}` },
  };
  const ports = { gateway: httpPort, outcomes: outcomesPort };
  const start = async (name: 'gateway' | 'outcomes'): Promise<SupervisedProcess> => {
    const started = superviseProcess({
      ...{ name, command: process.execPath, logFile: join(folder, `${name}.log`) },
      args: ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, `${name}-process.ts`)],
      env: { ...env, EVL_GRPC_PORT: String(grpcPort), EVL_HTTP_PORT: String(ports[name]) },
      ready: { check: async () => (await fetch(`http://127.0.0.1:${ports[name]}/healthz`)).ok },
    });
    await started.ready;
    return started;
  };
  const running = { gateway: await start('gateway'), outcomes: await start('outcomes') };
  const serving = connect(servingApi.ServingServiceService, `127.0.0.1:${grpcPort}`, {
    ...{ name: 'test', deadlineMs: 10_000 },
  });
  return {
    ...{ bus, publisher, serving },
    async restart(which) {
      running[which].kill();
      await running[which].exited;
      running[which] = await start(which);
    },
    async stop() {
      serving.close();
      for (const one of Object.values(running)) await one.stop();
      for (const part of parts.toReversed()) await part.stop();
      await inner.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function declare(bus: Bus, publisher: Publisher): Promise<void> {
  await bus.ensureTopics([topics.resources, topics.route].map((name) => ({ name, partitions: 1, compacted: true })));
  await bus.ensureTopics([{ name: topics.clock, partitions: 1 }]);
  const resources = [
    toWire({ kind: 'Source', name: 'visits', revision: 1, spec: source }),
    toWire({ kind: 'Model', name: 'banner', revision: 1, spec: model }),
  ];
  for (const one of resources) {
    const value = JSON.stringify(registry.Resource.toJSON(one));
    await publisher.publish([{ topic: topics.resources, key: `${one.kind}/${one.name}`, value }]);
  }
  const exploration = { policy: 'epsilon-greedy', versions: ['1', '2'], epsilon: 0.2, floor: 0.05, warmUp: 60 };
  const route = rollout.Route.fromPartial({
    ...{ model: 'banner', revision: '1', championVersion: '1', salt: 's', exploration },
  });
  const value = JSON.stringify(rollout.Route.toJSON(route));
  await publisher.publish([{ topic: topics.route, key: 'banner', value }]);
}
