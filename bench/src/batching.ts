import { inference } from '@everloop/contracts';
import { grpcFrame, grpcHeaders, needH2load, runLoad, type LoadRun } from './h2load.ts';
import { runOpenLoad } from './open-load.ts';
import { canPin } from './process-stats.ts';
import { median } from './quantiles.ts';
import type { BenchResult } from './result.ts';
import type { StartedGateway } from './serving-gateway.ts';
import { requestOf } from './serving-message.ts';
import { batching, startServingWorld, type ServingWorld } from './serving-world.ts';

const rounds = Number(process.env['EVL_BENCH_ROUNDS'] ?? 3);
/** The same file twice: `batched` is the Model with `batching`. */
const models = { off: 'large', on: 'batched' } as const;
type Kind = keyof typeof models;
const kinds = ['off', 'on'] as const;
const url = ({ address }: StartedGateway): string =>
  `http://${address}${inference.GRPCInferenceServiceService.modelInfer.path}`;

/**
 * A moderate rate, by a Poisson process: about half of what a core answers one by one, so that few requests meet by themselves. And 64 calls under way,
 * as in the benchmark of the gateway.
 */
const loads = [
  { name: '300 a second', requests: 3_000, perSecond: 300, connections: 8, streams: 64 },
  { name: '64 under way', requests: 4_000, perSecond: null, connections: 4, streams: 16 },
] as const;
type Load = (typeof loads)[number];
const warmUp = 1_000;

interface BatchingRun extends LoadRun {
  readonly perCpuSecond: number;
  /** Rows of a run of the model, on average. */
  readonly rowsPerRun: number;
}

async function runsOf({ client }: StartedGateway, name: string): Promise<number> {
  const { modelStats } = await client.modelStatistics({ name, version: '' });
  return modelStats.reduce((sum, { executionCount }) => sum + Number(executionCount), 0);
}

async function measure(gateway: StartedGateway, kind: Kind, load: Load, seed: number): Promise<BatchingRun> {
  const { requests, perSecond, connections, streams } = load;
  const body = grpcFrame(requestOf(models[kind]));
  const common = { url: url(gateway), headers: grpcHeaders, requests, connections, streams };
  const [from, runs] = [gateway.cpuSeconds(), await runsOf(gateway, models[kind])];
  const run = await (perSecond === null
    ? runLoad({ ...common, body })
    : runOpenLoad({ ...common, bodies: [body], perSecond, seed }));
  await gateway.logged();
  return {
    ...run,
    perCpuSecond: Math.round(requests / (gateway.cpuSeconds() - from)),
    rowsPerRun: Number((requests / ((await runsOf(gateway, models[kind])) - runs)).toFixed(2)),
  };
}

function summary({ name }: Load, runs: Readonly<Record<Kind, readonly BatchingRun[]>>) {
  const medians = (value: (run: BatchingRun) => number) => ({
    off: median(runs.off.map(value)),
    on: median(runs.on.map(value)),
  });
  /** Of the rounds' ratios: both sides of a round met the same machine. */
  const ratio = (value: (run: BatchingRun) => number): number =>
    Number(median(runs.on.map((run, at) => value(run) / value(runs.off[at] ?? run))).toFixed(2));
  return {
    load: name,
    perCpuSecond: medians((run) => run.perCpuSecond),
    p50Ms: medians((run) => run.p50Ms),
    p99Ms: medians((run) => run.p99Ms),
    rowsPerRun: medians((run) => run.rowsPerRun),
    onOfOff: { perCpuSecond: ratio((run) => run.perCpuSecond), p50: ratio((run) => run.p50Ms) },
  };
}

async function compare(world: ServingWorld, load: Load) {
  const runs: Record<Kind, BatchingRun[]> = { off: [], on: [] };
  for (let round = 0; round < rounds; round += 1)
    for (const kind of kinds) runs[kind].push(await measure(world.gateway, kind, load, round + 1));
  const compared = summary(load, runs);
  console.error(JSON.stringify(compared));
  return { ...compared, runs };
}

/**
 * What `batching` of a Model is worth: requests per CPU second and p50 of the large model with and without it, in turn. `ours` and `limit` are with and without
 * at 64 calls under way; `detail` has the moderate rate too, where it can cost more than it gives, and p50 of both.
 */
export async function benchBatching(): Promise<BenchResult> {
  needH2load();
  const world = await startServingWorld(['large', 'batched']);
  try {
    const common = { url: url(world.gateway), headers: grpcHeaders, requests: warmUp, connections: 4, streams: 16 };
    for (const kind of kinds) await runLoad({ ...common, body: grpcFrame(requestOf(models[kind])) });
    const compared = [];
    for (const load of loads) compared.push(await compare(world, load));
    const full = compared.at(-1);
    return {
      bench: 'batching',
      ours: full?.perCpuSecond.on ?? NaN,
      limit: full?.perCpuSecond.off ?? NaN,
      ratio: full?.onOfOff.perCpuSecond ?? NaN,
      unit: 'requests/CPU s',
      detail: {
        limit: `the same model without batching, ${loads[1].name}`,
        ...{ batching, rounds, isPinned: canPin(), loads, compared },
      },
    };
  } finally {
    await world.close();
  }
}
