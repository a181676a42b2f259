import { get } from 'node:http';
import { text } from 'node:stream/consumers';
import { inference } from '@everloop/contracts';
import { pause } from '@everloop/service';
import { grpcFrame, grpcHeaders, runLoad, type LoadRun } from './h2load.ts';
import { median } from './quantiles.ts';
import { metricOf, type StartedGateway } from './serving-gateway.ts';
import { requestOf } from './serving-message.ts';
import type { ServingWorld } from './serving-world.ts';

/** The supervisor deals connections out in turn, so there are more of them than elsewhere. */
const connections = 16;
/** Streams of each: 64 calls under way for both, then 64 for each worker, as one alone has. */
const streams = { one: 4, two: 4, twoWith128: 8 };
type Kind = keyof typeof streams;
const kinds = ['one', 'two', 'twoWith128'] as const;
const workers = 2;
const requests = 30_000;
/** For each process, so that all have compiled as much. */
const warmUp = 20_000;
const model = 'small';

/** What is measured, for the reader of the result. */
const why =
  'Load, broker and gateway share the two cores of this machine, so requests per second of wall clock cannot show what a second worker adds. Requests per CPU second of all processes can: two workers that do as much per CPU second as one answer twice as many on two free cores, so factorOfTwoFreeCores is 2 × perCpuSecond of two ÷ perCpuSecond of one: with 64 calls under way for both, and with 64 for each worker (twoWith128). It has in it what a pool costs (supervisor, a model process and a journal for each worker, at the same number of calls under way smaller batches), not contention for memory and caches of such cores.';

interface WorkersRun extends LoadRun {
  readonly perCpuSecond: number;
  /** Requests that each process answered. */
  readonly answeredBy: readonly number[];
}

/** Answered requests of each worker since its start. Connections are dealt out in turn, so as many questions as workers reach each once. */
async function answeredBy({ http }: StartedGateway, count: number): Promise<number[]> {
  const answered: number[] = [];
  for (let asked = 0; asked < count; asked += 1) {
    const body = await new Promise<string>((resolve, reject) => {
      const request = get(`http://${http}/v2/models/${model}/stats`, { agent: false }, (response) => {
        text(response).then(resolve, reject);
      });
      request.on('error', reject);
    });
    const { model_stats: versions } = JSON.parse(body) as {
      readonly model_stats: readonly { readonly inference_stats: { readonly success: { readonly count: number } } }[];
    };
    answered.push(versions.reduce((sum, version) => sum + version.inference_stats.success.count, 0));
  }
  return answered;
}

/** A pool answers when one worker does: waits for the others. */
async function untilAll({ http }: StartedGateway): Promise<void> {
  for (let tries = 0; (await metricOf(http, 'everloop_gateway_pool_workers')) !== workers; tries += 1) {
    if (tries > 600) throw new Error('a worker of the pool did not become ready');
    await pause(100);
  }
}

async function measure(gateway: StartedGateway, kind: Kind, count: number): Promise<WorkersRun> {
  const processes = kind === 'one' ? 1 : workers;
  const before = await answeredBy(gateway, processes);
  const url = `http://${gateway.address}${inference.GRPCInferenceServiceService.modelInfer.path}`;
  const from = gateway.cpuSeconds();
  const body = grpcFrame(requestOf(model));
  const run = await runLoad({ url, body, headers: grpcHeaders, requests: count, connections, streams: streams[kind] });
  // The log is work of these requests, also where it comes to Kafka later.
  await gateway.logged();
  const perCpuSecond = Math.round(count / (gateway.cpuSeconds() - from));
  const after = await answeredBy(gateway, processes);
  const answered = after.map((sum, at) => sum - (before[at] ?? 0));
  // Also where the questions did not reach each worker once.
  if (answered.reduce((sum, each) => sum + each, 0) !== count || answered.some((each) => each < count / 10))
    throw new Error(`${count} requests, the workers answered ${answered.join(' and ')}: not every worker was used`);
  return { ...run, perCpuSecond, answeredBy: answered };
}

/** The small model through a pool of two workers beside the plain process, in turn, neither kept to a core. */
export async function compareWorkers(world: ServingWorld) {
  const one = await world.startAnother(1);
  const two = await world.startAnother(workers);
  await untilAll(two);
  const rounds = Number(process.env['EVL_BENCH_ROUNDS'] ?? 3);
  const runs: Record<Kind, WorkersRun[]> = { one: [], two: [], twoWith128: [] };
  try {
    await measure(one, 'one', warmUp);
    await measure(two, 'two', workers * warmUp);
    for (let round = 0; round < rounds; round += 1)
      for (const kind of kinds) runs[kind].push(await measure(kind === 'one' ? one : two, kind, requests));
  } finally {
    await one.close();
    await two.close();
  }
  const compared = { why, workers, connections, streams, requests, ...summary(runs), runs };
  const { perSecond, perCpuSecond, factorOfWallClock, factorOfTwoFreeCores } = compared;
  console.error(`workers: ${JSON.stringify({ perSecond, perCpuSecond, factorOfWallClock, factorOfTwoFreeCores })}`);
  return { compared, requests: (1 + workers) * warmUp + kinds.length * rounds * requests };
}

function summary(runs: Readonly<Record<Kind, readonly WorkersRun[]>>) {
  const each = (value: (kind: Kind) => number) =>
    Object.fromEntries(kinds.map((kind) => [kind, value(kind)])) as Record<Kind, number>;
  const medians = (value: (run: WorkersRun) => number) => each((kind) => median(runs[kind].map(value)));
  /** Of the rounds' ratios to one worker: both sides of a round met the same machine. */
  const factors = (times: number, value: (run: WorkersRun) => number) => {
    const ratio = (kind: Kind) => median(runs[kind].map((run, at) => value(run) / value(runs.one[at] ?? run)));
    const factor = (kind: Kind) => Number((times * ratio(kind)).toFixed(2));
    return { two: factor('two'), twoWith128: factor('twoWith128') };
  };
  return {
    perSecond: medians((run) => run.requestsPerSecond),
    perCpuSecond: medians((run) => run.perCpuSecond),
    p50Ms: medians((run) => run.p50Ms),
    p99Ms: medians((run) => run.p99Ms),
    factorOfWallClock: factors(1, (run) => run.requestsPerSecond),
    factorOfTwoFreeCores: factors(workers, (run) => run.perCpuSecond),
  };
}
