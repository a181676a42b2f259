import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inference, registry, rollout, toWire, topics, type ModelSpec, type TypedResource } from '@everloop/contracts';
import { encodeGolden } from '@everloop/features';
import { connect, createGrpcServer, implement } from '@everloop/grpc';
import { createKafkaBus, type Bus } from '@everloop/kafka';
import { freePorts, superviseProcess, type SupervisedProcess } from '@everloop/local';
import { createMetrics, type Part } from '@everloop/service';
import { createObjectStore } from '@everloop/storage';
import { testLogger, uniqueName } from '@everloop/testing';
import { resourcesFor, spec } from '../fixtures.ts';
import { withTopicPrefix } from '../topic-prefix.ts';
import { logistic, sigmoid } from './logistic.ts';

type Client = ReturnType<typeof connect<typeof inference.GRPCInferenceServiceService>>;

/** A gateway in a process of its own, with what it needs; model `delay` is served by version 1, whose score is sigmoid(distance / 100). */
export interface RealGateway {
  /** Of the broker, with the topics of this gateway. */
  readonly bus: Bus;
  readonly client: Client;
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly process: SupervisedProcess;
  /** Lines of its log, parsed. */
  readonly lines: readonly Readonly<Record<string, unknown>>[];
  /** Starts it again, in the same folder, after its end. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface RealGatewayOptions {
  readonly brokers: string;
  readonly redisUrl: string;
  /** Further variables of its configuration. */
  readonly env?: Readonly<Record<string, string>>;
  /** What its model has beside the usual. */
  readonly model?: Partial<ModelSpec>;
  /** What its route has beside the usual; every version is the same file. */
  readonly route?: Partial<rollout.Route>;
  /** Has rewards and golden rows, so that it explains, and a second model `offer`, which chooses; see `offer`. */
  readonly decides?: boolean;
}

const viewName = uniqueName('conditions');
const model: ModelSpec = {
  ...spec,
  views: [{ view: viewName, key: 'request.origin' }],
  inputs: [
    { name: 'distance', type: 'number', from: 'request.distance' },
    { name: 'wind', type: 'number', from: `${viewName}.wind` },
  ],
};

const rewards = { waitMs: 3_600_000, default: 0, aggregate: 'sum', min: -10, max: 10 } as const;

/** Chooses a place of 1 to 3, the score of which is sigmoid(distance / 100 + place / 2). */
const offer: ModelSpec = {
  ...spec,
  request: [...spec.request, { name: 'place', type: 'number' }],
  views: [],
  inputs: [
    { name: 'distance', type: 'number', from: 'request.distance' },
    { name: 'place', type: 'number', from: 'request.place' },
  ],
  choose: { input: 'place', actions: [1, 2, 3], epsilon: 0.3, floor: 0.3, halfAt: 0, warmUp: 0 },
  rewards,
};

/** What training would have left for `delay`. */
const golden = (): Uint8Array =>
  encodeGolden({
    inputs: model.inputs.map(({ name }) => name),
    rows: Array.from({ length: 10 }, (_, row) => {
      const [distance, wind] = [row * 37 - 100, row % 3 === 0 ? null : row / 7];
      return {
        ...{ timeMs: row, request: { trip: `T${row}`, origin: 'EWR', distance }, inputs: [distance, wind] },
        ...{ features: { [`${viewName}.wind`]: wind }, score: sigmoid(distance / 100) },
      };
    }),
  });

export async function startRealGateway(options: RealGatewayOptions): Promise<RealGateway> {
  const logger = testLogger('gateway');
  const folder = await mkdtemp(join(tmpdir(), 'everloop-real-gateway-'));
  const objects = createObjectStore(folder);
  const digest = await objects.put(logistic([0.01, 0]));
  const offers = { name: 'model.onnx', digest: await objects.put(logistic([0.01, 0.5])), sizeBytes: 1 };
  const artifacts = [{ name: 'model.onnx', digest, sizeBytes: 1 }];
  if (options.decides === true)
    artifacts.push({ name: 'golden.json', digest: await objects.put(golden()), sizeBytes: 1 });
  const getVersion = ({ model: name, version }: registry.GetVersionRequest) => ({
    version: registry.ModelVersion.fromPartial({
      ...{ model: name, version, artifacts: name === 'offer' ? [offers] : artifacts },
    }),
  });
  const versions = createGrpcServer({
    ...{ name: 'registry', host: '127.0.0.1', port: 0, logger },
    services: [implement({ getVersion: registry.RegistryServiceService.getVersion }, { getVersion })],
  });
  const prefix = uniqueName('real');
  const brokers = options.brokers.split(',');
  const bus = withTopicPrefix(
    createKafkaBus({ brokers, clientId: prefix, logger, metrics: createMetrics('test') }),
    prefix,
  );
  const parts: Part[] = [versions, bus];
  for (const part of parts) await part.start();
  await declare(bus, options);
  const [grpcPort = 0, httpPort = 0] = await freePorts(2);
  const lines: Record<string, unknown>[] = [];
  const env = {
    ...{ PATH: process.env['PATH'], KAFKA_BROKERS: options.brokers, REDIS_URL: options.redisUrl },
    ...{ EVL_GRPC_PORT: String(grpcPort), EVL_HTTP_PORT: String(httpPort), EVL_OBJECT_STORE: folder },
    ...{ EVL_DATA_DIR: join(folder, 'data'), EVL_REGISTRY_ADDRESS: `127.0.0.1:${versions.port}` },
    ...options.env,
  };
  const client = connect(inference.GRPCInferenceServiceService, `127.0.0.1:${grpcPort}`, {
    ...{ name: 'test', deadlineMs: 10_000 },
  });
  const run = async (): Promise<SupervisedProcess> => {
    const started = superviseProcess({
      name: 'gateway',
      command: process.execPath,
      args: ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'gateway-process.ts'), prefix],
      env,
      logFile: join(folder, 'gateway.log'),
      onLine: (line) => lines.push(parsed(line)),
      ready: {
        check: async () => {
          const names = options.decides === true ? ['delay', 'offer'] : ['delay'];
          const answers = await Promise.all(names.map((name) => client.modelReady({ name, version: '' })));
          return answers.every(({ ready }) => ready);
        },
      },
    });
    await started.ready;
    return started;
  };
  let current = await run();
  return {
    ...{ bus, client, grpcPort, httpPort, lines },
    get process() {
      return current;
    },
    async restart() {
      await current.exited;
      current = await run();
    },
    async stop() {
      client.close();
      await current.stop();
      for (const part of parts.toReversed()) await part.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What the gateway reads at its start. */
async function declare(bus: Bus, given: Pick<RealGatewayOptions, 'model' | 'route' | 'decides'>): Promise<void> {
  await bus.ensureTopics([topics.resources, topics.route].map((name) => ({ name, partitions: 1, compacted: true })));
  await bus.ensureTopics([{ name: topics.clock, partitions: 1 }]);
  const publisher = bus.publisher({ name: 'test' });
  await publisher.start();
  const publish = (topic: string, key: string, json: unknown) =>
    publisher.publish([{ topic, partition: 0, key, value: JSON.stringify(json) }]);
  const decides = given.decides === true;
  const resources: readonly TypedResource[] = [
    ...resourcesFor({ ...model, ...(decides ? { rewards } : {}), ...given.model }, viewName),
    ...(decides ? [{ kind: 'Model' as const, name: 'offer', revision: 1, spec: offer }] : []),
  ];
  for (const resource of resources) {
    const wire = registry.Resource.toJSON(toWire(resource));
    await publish(topics.resources, `${resource.kind}/${resource.name}`, wire);
  }
  const usual = { model: 'delay', revision: '1', championVersion: '1', salt: 's' };
  const route = rollout.Route.fromPartial({ ...usual, ...given.route });
  await publish(topics.route, 'delay', rollout.Route.toJSON(route));
  if (decides) await publish(topics.route, 'offer', rollout.Route.toJSON({ ...route, model: 'offer' }));
  await publisher.stop();
}

function parsed(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return { level: 'error', message: `no JSON: ${line}` };
  }
}

/** The processes that a process has started, by `/proc`; the gateway's is the model process. */
export async function childrenOf(pid: number): Promise<readonly number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text
    .split(' ')
    .filter((each) => each !== '')
    .map(Number);
}
