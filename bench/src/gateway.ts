import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { inference } from '@everloop/contracts';
import { grpcFrame, grpcHeaders, needH2load, runLoad, type LoadRun } from './h2load.ts';
import { runVariedLoad } from './node-load.ts';
import { canPin, cpuSecondsOf } from './process-stats.ts';
import type { BenchResult } from './result.ts';
import { requestOf, width } from './serving-message.ts';
import type { PeerOrder, RawOrder } from './serving-peer.ts';
import { compareWorkers } from './gateway-workers.ts';
import type { Subject } from './serving-gateway.ts';
import { customers, modelNames, startServingWorld, type ModelName, type ServingWorld } from './serving-world.ts';
import { cores } from './subject.ts';
import { median } from './quantiles.ts';

const rounds = Number(process.env['EVL_BENCH_ROUNDS'] ?? 3);
/** Calls under way: connections × streams. */
const loads = [
  { concurrency: 1, connections: 1, streams: 1 },
  { concurrency: 16, connections: 4, streams: 4 },
  { concurrency: 64, connections: 4, streams: 16 },
] as const;
type Concurrency = (typeof loads)[number]['concurrency'];
/** Requests of one run, by model and calls under way: two seconds or more of each server. */
const requestsOf = { small: [6_000, 20_000, 30_000], enriched: [6_000, 20_000, 30_000], large: [800, 2_000, 4_000] };
const warmUp = { small: 20_000, enriched: 20_000, large: 1_000 };
const rawRows = 64;
/** Requests per second of one core that peers reached on such a machine (reference: measured 2026-11-23): PyTriton, the best of them. */
const pyTriton = { small: 3_600, large: 2_232 };

const inferPath = inference.GRPCInferenceServiceService.modelInfer.path;

interface Peer extends Subject {
  /** CPU seconds of runs of the model alone. */
  raw(order: RawOrder): Promise<number>;
  close(): Promise<void>;
}

async function startPeer(order: PeerOrder): Promise<Peer> {
  const node = ['--disable-warning=ExperimentalWarning', path.join(import.meta.dirname, 'serving-peer.ts')];
  const [command, ...args]: [string, ...string[]] = canPin()
    ? ['taskset', '-c', String(cores.measured), process.execPath, ...node]
    : [process.execPath, ...node];
  const child: ChildProcess = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const ask = async (message: PeerOrder | RawOrder): Promise<Record<string, number>> => {
    const answered = once(child, 'message');
    child.send(message);
    const [reply] = (await answered) as [Record<string, number>];
    return reply;
  };
  const { port } = await ask(order);
  return {
    address: `127.0.0.1:${String(port)}`,
    cpuSeconds: () => cpuSecondsOf(child.pid ?? 0),
    raw: async (raw) => (await ask(raw))['cpuSeconds'] ?? Number.NaN,
    async close() {
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
    },
  };
}

interface Run extends LoadRun {
  readonly perCpuSecond: number;
}

/** Requests that differ are sent by this process, which sends fewer a second; the servers beside are asked in the same way. */
async function measure(
  subject: Subject,
  bodies: readonly Buffer[],
  requests: number,
  { connections, streams }: (typeof loads)[number],
): Promise<Run> {
  const common = { url: `http://${subject.address}${inferPath}`, headers: grpcHeaders, requests, connections, streams };
  const [body = Buffer.alloc(0)] = bodies;
  const from = subject.cpuSeconds();
  const run = bodies.length > 1 ? await runVariedLoad({ ...common, bodies }) : await runLoad({ ...common, body });
  await subject.logged?.();
  return { ...run, perCpuSecond: Math.round(requests / (subject.cpuSeconds() - from)) };
}

type Kind = 'ours' | 'echo' | 'bare';
type Runs = Record<Kind, Run[]>;

interface Compared {
  readonly concurrency: Concurrency;
  readonly perCpuSecond: Readonly<Record<Kind, number>>;
  readonly p50Ms: Readonly<Record<Kind, number>>;
  readonly p99Ms: Readonly<Record<Kind, number>>;
  /** Medians of the rounds' ratios: the sides of a round met the same machine. */
  readonly ofEcho: number;
  readonly ofBare: number;
  readonly runs: Runs;
}

function summary(concurrency: Concurrency, runs: Runs): Compared {
  const kinds = ['ours', 'echo', 'bare'] as const;
  const medians = (value: (run: Run) => number) =>
    Object.fromEntries(kinds.map((kind) => [kind, median(runs[kind].map(value))])) as Record<Kind, number>;
  const ratio = (to: Kind): number =>
    Number(median(runs.ours.map((run, at) => run.perCpuSecond / (runs[to][at]?.perCpuSecond ?? NaN))).toFixed(2));
  return {
    concurrency,
    perCpuSecond: medians((run) => run.perCpuSecond),
    p50Ms: medians((run) => run.p50Ms),
    p99Ms: medians((run) => run.p99Ms),
    ofEcho: ratio('echo'),
    ofBare: ratio('bare'),
    runs,
  };
}

async function compare(world: ServingWorld, name: ModelName): Promise<{ requests: number; compared: Compared[] }> {
  const asked = name === 'enriched' ? customers.map((customer) => requestOf(name, customer)) : [requestOf(name)];
  const answer = inference.ModelInferResponse.encode(
    await world.gateway.client.modelInfer(inference.ModelInferRequest.decode(asked[0] ?? Buffer.alloc(0))),
  ).finish();
  const model = world.files[name];
  const frames = asked.map(grpcFrame);
  // The bare server has no features to read: it is asked with the numbers.
  const bareFrames = name === 'enriched' ? customers.map(() => grpcFrame(requestOf(name))) : frames;
  const echo = await startPeer({ kind: 'echo', answer: Buffer.from(answer).toString('base64'), model });
  const bare = await startPeer({ kind: 'bare', answer: '', model });
  const subjects = { echo: [echo, frames], bare: [bare, bareFrames], ours: [world.gateway, frames] } as const;
  let requests = 1;
  const compared: Compared[] = [];
  try {
    for (const [subject, bytes] of Object.values(subjects)) await measure(subject, bytes, warmUp[name], loads[2]);
    requests += warmUp[name];
    for (const [at, load] of loads.entries()) {
      const count = requestsOf[name][at] ?? 0;
      const runs: Runs = { ours: [], echo: [], bare: [] };
      for (let round = 0; round < rounds; round += 1) {
        for (const kind of ['echo', 'bare', 'ours'] as const) {
          const [subject, bytes] = subjects[kind];
          runs[kind].push(await measure(subject, bytes, count, load));
        }
        requests += count;
      }
      const one = summary(load.concurrency, runs);
      compared.push(one);
      const { perCpuSecond, p50Ms, p99Ms, ofEcho, ofBare } = one;
      console.error(
        `${name} at ${load.concurrency}: ${JSON.stringify({ perCpuSecond, p50Ms, p99Ms, ofEcho, ofBare })}`,
      );
    }
  } finally {
    await echo.close();
    await bare.close();
  }
  return { requests, compared };
}

/** Rows of the model alone per CPU second, 64 at a time. */
async function rawRowsPerCpuSecond(model: string): Promise<number> {
  const peer = await startPeer({ kind: 'bare', answer: '', model });
  try {
    await peer.raw({ rows: rawRows, runs: 20 });
    const runs = 100;
    const measured: number[] = [];
    for (let round = 0; round < rounds; round += 1)
      measured.push((rawRows * runs) / (await peer.raw({ rows: rawRows, runs })));
    return Math.round(median(measured));
  } finally {
    await peer.close();
  }
}

/**
 * The gateway as it runs in service, with the gate, routing, the journal and the log in Kafka, beside a bare grpc-js server that answers the same bytes and one that
 * decodes the message and runs the same model for each request. Every server has one core, load and broker have the other; they take turns. Then a pool of workers
 * beside the plain process.
 */
export async function benchGateway(): Promise<BenchResult> {
  needH2load();
  const only = (process.env['EVL_BENCH_MODELS'] ?? [...modelNames, 'workers'].join(',')).split(',');
  const world = await startServingWorld();
  try {
    const models: Partial<Record<ModelName, Compared[]>> = {};
    let requests = 0;
    for (const name of modelNames.filter((each) => only.includes(each))) {
      const { compared, requests: asked } = await compare(world, name);
      models[name] = compared;
      requests += asked;
    }
    const pool = only.includes('workers') ? await compareWorkers(world) : null;
    requests += pool?.requests ?? 0;
    const rawLarge = only.includes('large') ? await rawRowsPerCpuSecond(world.files.large) : NaN;
    const logged = await world.logged();
    if (logged.records !== requests || logged.decisions !== requests)
      throw new Error(
        `${requests} requests were answered, ${logged.records} records of ${logged.decisions} decisions logged`,
      );
    const at64 = (name: ModelName) => models[name]?.find(({ concurrency }) => concurrency === 64);
    const ours = (name: ModelName): number => at64(name)?.perCpuSecond.ours ?? NaN;
    const detail = {
      limit:
        'a bare grpc-js server that answers the same bytes, concurrency 64, 20 numbers in the request, gradient-boosted trees',
      ...{ numbers: width, rounds, isPinned: canPin(), requests, logged, models },
      workers: pool?.compared ?? null,
      largeOfRaw: Number((ours('large') / rawLarge).toFixed(2)),
      rawLargeRowsPerCpuSecond: rawLarge,
      ofPyTriton: {
        small: Number((ours('small') / pyTriton.small).toFixed(2)),
        large: Number((ours('large') / pyTriton.large).toFixed(2)),
      },
    };
    const main = at64('small');
    return {
      ...{ bench: 'gateway', ours: ours('small'), limit: main?.perCpuSecond.echo ?? NaN, ratio: main?.ofEcho ?? NaN },
      ...{ unit: 'requests/CPU s', detail },
    };
  } finally {
    await world.close();
  }
}
