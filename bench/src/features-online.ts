import { Redis } from 'ioredis';
import { features } from '@everloop/contracts';
import {
  catalogOf,
  lookupBatch,
  onlineKeys,
  readingBy,
  planLookup,
  rowKeys,
  statusCode,
  type LookupPlan,
  type Mget,
} from '@everloop/features';
import { connect, type GrpcClient } from '@everloop/grpc';
import { createLogger, pause } from '@everloop/service';
import { createRedis } from '@everloop/storage';
import {
  entities,
  entityName,
  featureNames,
  source,
  startFeaturesWorld,
  view,
  viewName,
  type FeaturesWorld,
} from './features-world.ts';
import { startGrpcEcho, type GrpcEcho } from './grpc-echo.ts';
import { median, percentile } from './quantiles.ts';
import type { BenchResult } from './result.ts';

const entitiesPerCall = 50;
const callsPerRun = 3_000;
const warmUpCalls = 1_500;
const rounds = 5;
const idleMs = 3_000;
const concurrencies = [1, 8] as const;
/** Calls per CPU second of Feast 0.67's Python server for the same question (issue 4; reference/peers). */
const feastCallsPerCpuSecond = 52;

const kinds = ['raw', 'library', 'service', 'echo'] as const;
type Kind = (typeof kinds)[number];

/** One way to ask for the entities of call `index`. */
type Ask = (index: number) => Promise<void>;

interface Run {
  readonly kind: Kind;
  readonly concurrency: number;
  readonly callsPerCpuSecond: number;
  /** The same without what the process uses when nobody calls; that share depends on how long the calls take, not on the calls. */
  readonly callsPerBusyCpuSecond: number;
  readonly callsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** The entities of a call: a fixed walk over all of them, the same for every way. */
function entitiesOf(index: number): string[] {
  return Array.from({ length: entitiesPerCall }, (_, at) => entityName((index * 7_919 + at * 613) % entities));
}

function planOf(): LookupPlan {
  const catalog = catalogOf([
    { kind: 'Source', name: view.source, revision: 1, spec: source },
    { kind: 'FeatureView', name: viewName, revision: 1, spec: view },
  ]);
  return planLookup(
    {
      request: [{ name: 'customer', type: 'string' }],
      views: [{ view: viewName, key: 'request.customer' }],
      inputs: featureNames.map((name) => ({ name, type: 'number', from: `${viewName}.${name}` })),
    },
    catalog,
  );
}

function askRaw(redis: Redis, plan: LookupPlan): Ask {
  const [binding] = plan.bindings;
  if (binding === undefined) throw new TypeError('the plan reads no view');
  const keys = Array.from({ length: callsPerRun }, (_, index) =>
    entitiesOf(index).flatMap((entity) => rowKeys(binding.view, entity)),
  );
  return async (index) => {
    const rows = await redis.mgetBuffer(keys[index % callsPerRun] ?? []);
    if (rows.length !== entitiesPerCall || rows[0] === null) throw new Error('a raw row is missing');
  };
}

function askLibrary(mget: Mget, plan: LookupPlan): Ask {
  const questions = Array.from({ length: callsPerRun }, (_, index) => new Map([['customer', entitiesOf(index)]]));
  return async (index) => {
    const fields = questions[index % callsPerRun] ?? new Map<string, string[]>();
    const answer = await lookupBatch(plan, { rows: entitiesPerCall, fields, asOfMs: Date.now() }, mget);
    if (answer.columns[19]?.statuses[49] !== statusCode.present) throw new Error('a value is missing');
  };
}

function askService(client: GrpcClient<typeof features.FeatureServiceService>): Ask {
  const names = featureNames.map((name) => `${viewName}.${name}`);
  const requests = Array.from({ length: callsPerRun }, (_, index) =>
    features.GetOnlineBatchRequest.fromPartial({
      features: names,
      entities: [{ name: 'customer', texts: entitiesOf(index) }],
    }),
  );
  return async (index) => {
    const request = requests[index % callsPerRun];
    if (request === undefined) return;
    const answer = await client.getOnlineBatch(request);
    if (answer.features[19]?.statuses[49] !== statusCode.present) throw new Error('a value is missing');
  };
}

async function runCalls(ask: Ask, calls: number, concurrency: number): Promise<number[]> {
  const tookMs: number[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < calls; index = next++) {
      const startedMs = performance.now();
      await ask(index);
      tookMs.push(performance.now() - startedMs);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return tookMs.sort((a, b) => a - b);
}

/** A process whose CPU time is counted, and its share of a core when nobody calls it. */
interface Measured {
  readonly cpuSeconds: () => Promise<number>;
  readonly idleShare: number;
}

async function idleShareOf(cpuSeconds: () => Promise<number>): Promise<number> {
  const from = await cpuSeconds();
  const startedMs = performance.now();
  await pause(idleMs);
  return ((await cpuSeconds()) - from) / ((performance.now() - startedMs) / 1_000);
}

async function measure(kind: Kind, ask: Ask, concurrency: number, measured: Measured): Promise<Run> {
  const { cpuSeconds, idleShare } = measured;
  const from = await cpuSeconds();
  const startedMs = performance.now();
  const tookMs = await runCalls(ask, callsPerRun, concurrency);
  const wallMs = performance.now() - startedMs;
  const cpu = (await cpuSeconds()) - from;
  return {
    kind,
    concurrency,
    callsPerCpuSecond: Math.round(callsPerRun / cpu),
    callsPerBusyCpuSecond: Math.round(callsPerRun / (cpu - (idleShare * wallMs) / 1_000)),
    callsPerSecond: Math.round((callsPerRun / wallMs) * 1_000),
    p50Ms: Number(percentile(tookMs, 0.5).toFixed(3)),
    p99Ms: Number(percentile(tookMs, 0.99).toFixed(3)),
  };
}

function ownCpuSeconds(): Promise<number> {
  const { user, system } = process.cpuUsage();
  return Promise.resolve((user + system) / 1e6);
}

/** Waits until the service has every entity of the first calls. */
async function untilServed(ask: Ask): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      for (let index = 0; index < entities / entitiesPerCall; index += 1) await ask(index);
      return;
    } catch (error) {
      if (tries > 600) throw error;
      await pause(100);
    }
  }
}

function summary(runs: readonly Run[], concurrency: number): Record<string, unknown> {
  const of = (kind: Kind, value: (run: Run) => number): number =>
    median(runs.filter((run) => run.kind === kind && run.concurrency === concurrency).map(value));
  const cpu = (kind: Kind): number => of(kind, (run) => run.callsPerCpuSecond);
  return {
    concurrency,
    callsPerCpuSecond: Object.fromEntries(kinds.map((kind) => [kind, cpu(kind)])),
    p99Ms: Object.fromEntries(kinds.map((kind) => [kind, of(kind, (run) => run.p99Ms)])),
    libraryOfRaw: Number((cpu('library') / cpu('raw')).toFixed(2)),
    serviceOfRaw: Number((cpu('service') / cpu('raw')).toFixed(2)),
    busyServiceOfRaw: Number((of('service', (run) => run.callsPerBusyCpuSecond) / cpu('raw')).toFixed(2)),
    echoOfRaw: Number((cpu('echo') / cpu('raw')).toFixed(2)),
    // What the service could reach if its gRPC cost what a bare echo of the same bytes costs, and its reading what raw reading costs.
    serviceCeilingOfRaw: Number((1 / (1 + cpu('raw') / cpu('echo'))).toFixed(2)),
    serviceOfFeast: Number((cpu('service') / feastCallsPerCpuSecond).toFixed(1)),
  };
}

/**
 * Calls per CPU second for 50 entities × 20 features: raw ioredis reading the packed rows by MGET, the library (rows → values), and the gRPC
 * service, whose own process is measured, beside a bare grpc-js server that answers the same bytes. They alternate, `rounds` times each, at 1 and at 8 calls under way.
 */
export async function benchFeaturesOnline(): Promise<BenchResult> {
  const world = await startFeaturesWorld();
  const raw = new Redis(world.redisUrl, { lazyConnect: true });
  const store = createRedis({
    url: world.redisUrl,
    logger: createLogger({ service: 'bench', level: 'error' }),
    name: 'redis',
  });
  const client = connect(features.FeatureServiceService, world.grpcAddress, { name: 'bench', deadlineMs: 10_000 });
  const service = askService(client);
  let echo: GrpcEcho | null = null;
  let echoClient: GrpcClient<typeof features.FeatureServiceService> | null = null;
  try {
    await raw.connect();
    await store.start();
    await untilServed(service);
    echo = await startGrpcEcho(await answerBytes(client));
    echoClient = connect(features.FeatureServiceService, echo.address, { name: 'bench', deadlineMs: 10_000 });
    return await compare(world, echo, {
      raw: askRaw(raw, planOf()),
      library: askLibrary(
        readingBy(onlineKeys(store.buckets), (keys) => store.mgetBuffer(keys)),
        planOf(),
      ),
      service,
      echo: askService(echoClient),
    });
  } finally {
    client.close();
    echoClient?.close();
    await echo?.close();
    await store.stop();
    raw.disconnect();
    await world.close();
  }
}

/** An answer of the service as bytes, for the echo. */
async function answerBytes(client: GrpcClient<typeof features.FeatureServiceService>): Promise<Buffer> {
  const names = featureNames.map((name) => `${viewName}.${name}`);
  const request = { features: names, entities: [{ name: 'customer', texts: entitiesOf(0) }] };
  const answer = await client.getOnlineBatch(features.GetOnlineBatchRequest.fromPartial(request));
  return Buffer.from(features.GetOnlineBatchResponse.encode(answer).finish());
}

async function compare(world: FeaturesWorld, echo: GrpcEcho, asks: Readonly<Record<Kind, Ask>>): Promise<BenchResult> {
  const serviceCpu = (): Promise<number> => world.serviceCpuSeconds();
  for (const kind of kinds) await runCalls(asks[kind], warmUpCalls, 8);
  const serviceIdleShare = await idleShareOf(serviceCpu);
  const own: Measured = { cpuSeconds: ownCpuSeconds, idleShare: 0 };
  const measured: Readonly<Record<Kind, Measured>> = {
    raw: own,
    library: own,
    service: { cpuSeconds: serviceCpu, idleShare: serviceIdleShare },
    echo: { cpuSeconds: () => echo.cpuSeconds(), idleShare: 0 },
  };
  const runs: Run[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const concurrency of concurrencies) {
      for (const kind of kinds) {
        runs.push(await measure(kind, asks[kind], concurrency, measured[kind]));
      }
    }
  }
  const rate = (kind: Kind): number =>
    median(runs.filter((run) => run.kind === kind && run.concurrency === 1).map((run) => run.callsPerCpuSecond));
  return {
    bench: 'features-online',
    ours: rate('library'),
    limit: rate('raw'),
    ratio: Number((rate('library') / rate('raw')).toFixed(2)),
    unit: 'calls/CPU s',
    detail: {
      limit: 'raw ioredis: MGET of the same packed rows, 50 entities × 20 features, one call at a time',
      library:
        'reads of one turn of the event loop share an MGET, so calls that run side by side do; raw sends one for each call',
      echo: 'a bare grpc-js server in a process of its own that answers the same bytes to the same requests',
      callsPerRun,
      serviceIdleShare: Number(serviceIdleShare.toFixed(4)),
      feastCallsPerCpuSecond,
      summary: concurrencies.map((concurrency) => summary(runs, concurrency)),
      runs,
    },
  };
}
