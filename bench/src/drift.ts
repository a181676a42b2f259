import { topics } from '@everloop/contracts';
import {
  closeWindows,
  countPanes,
  createWindowState,
  evaluateWindow,
  policyOf,
  prepareBaseline,
  takePane,
} from '@everloop/drift';
import { freePorts } from '@everloop/local';
import { Kafka, logLevel } from 'kafkajs';
import { baselineMessage, createDriftWorld, model, monitorSpec, predictions, type DriftWorld } from './drift-world.ts';
import { canPin, pin } from './process-stats.ts';
import { median } from './quantiles.ts';
import type { BenchResult } from './result.ts';
import { cores, measure, program, type Round, type Subject } from './subject.ts';

const rows = Number(process.env['EVL_BENCH_RECORDS'] ?? 1_000_000);
const rounds = Number(process.env['EVL_BENCH_ROUNDS'] ?? 5);
/** Rows that are decoded before and counted again and again, in batches as a fetch gives them. */
const decodedRows = 50_000;
const batchRows = 2_000;
const decodedTotal = 1_000_000;
const day = 86_400_000;

const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

/** Rows per CPU second from decoded rows: counted into panes, merged, and each day's window evaluated (KS and PSI of 21 columns). */
function decoded(): { readonly ours: number; readonly bare: number; readonly windows: number } {
  const baseline = prepareBaseline(baselineMessage());
  const batches = Array.from({ length: decodedRows / batchRows }, (_, i) =>
    predictions(i * batchRows, batchRows, decodedRows / 5),
  );
  const monitors = [{ name: 'watch', revision: 1, spec: monitorSpec() }];
  const count = (total: number): number => {
    const state = createWindowState();
    let windows = 0;
    for (let done = 0; done < total; done += batchRows) {
      const batch = batches[(done / batchRows) % batches.length] ?? [];
      for (const pane of countPanes(batch, () => baseline)) takePane(state, monitors, pane);
      if ((done / batchRows) % batches.length !== batches.length - 1) continue;
      // The same days come again: judged as often as they would be, once for each that was filled.
      for (const window of closeWindows(state, monitors, Infinity)) {
        evaluateWindow(window, baseline, policyOf(window.monitor.spec));
        windows += 1;
      }
      Object.assign(state, createWindowState());
    }
    return windows;
  };
  const read = (total: number): number => {
    let sum = 0;
    for (let done = 0; done < total; done += batchRows)
      for (const row of batches[(done / batchRows) % batches.length] ?? [])
        for (const { kind } of row.inputValues) if (kind?.$case === 'number') sum += kind.value;
    return sum;
  };
  count(decodedRows);
  read(decodedRows);
  const start = cpuSeconds();
  const windows = count(decodedTotal);
  const between = cpuSeconds();
  read(decodedTotal);
  const end = cpuSeconds();
  return { ours: decodedTotal / (between - start), bare: decodedTotal / (end - between), windows };
}

function detector(world: DriftWorld): Subject {
  return {
    groupId: 'everloop.drift-detector.panes',
    async start() {
      const [http = 0] = await freePorts(1);
      // As `everloop up` starts it.
      const flags = ['--max-old-space-size=384', '--max-semi-space-size=16', '--initial-old-space-size=192'];
      const env = {
        KAFKA_BROKERS: world.kafka.brokers,
        EVL_REGISTRY_ADDRESS: world.registryAddress,
        EVL_OBJECT_STORE: world.objectStore,
        EVL_HTTP_PORT: String(http),
        EVL_LOG_LEVEL: 'error',
      };
      return program('../../services/drift-detector/src/main.ts', { env, flags });
    },
  };
}

function bareReader(world: DriftWorld): Subject {
  const groupId = 'bench-bare-reader';
  const args = [world.kafka.brokers, topics.inferenceServed, groupId];
  return { groupId, start: () => Promise.resolve(program('bare-reader.ts', { args })) };
}

/**
 * The drift detector as it runs in service on a log of predictions with 20 numbers and a score, each on 256 bins with KS and PSI for every event day,
 * beside a program that reads and decodes the same log and does nothing else; and the counting alone, from rows that are decoded.
 */
export async function benchDrift(): Promise<BenchResult> {
  const counting = Array.from({ length: rounds }, decoded);
  console.error(`decoded: ${JSON.stringify(counting.map(({ ours }) => Math.round(ours)))} rows/CPU s`);
  const world = await createDriftWorld(rows);
  const admin = new Kafka({ clientId: 'bench', brokers: [world.kafka.brokers], logLevel: logLevel.NOTHING }).admin();
  try {
    await admin.connect();
    if (canPin()) for (const pid of [world.kafka.process.pid, process.pid]) pin(pid, cores.others);
    const [ours, limit]: [Round[], Round[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      ours.push(await measure(admin, detector(world), topics.inferenceServed, rows));
      limit.push(await measure(admin, bareReader(world), topics.inferenceServed, rows));
      console.error(`log ${round + 1}/${rounds}: ${JSON.stringify([ours.at(-1), limit.at(-1)])}`);
    }
    const perCpuSecond = (of: readonly Round[]) => median(of.map((one) => one.perCpuSecond));
    const ratio = median(ours.map((one, i) => one.perCpuSecond / (limit[i]?.perCpuSecond ?? Number.NaN)));
    const detail = {
      limit: 'reading and decoding the same log, nothing else',
      ...{ model, rows, columns: 21, bins: 256, isPinned: canPin() },
      decoded: {
        rowsPerCpuSecond: Math.round(median(counting.map((one) => one.ours))),
        touchingEachValueOnly: Math.round(median(counting.map((one) => one.bare))),
        windowsEvaluated: counting[0]?.windows,
        windowWidth: `${day / 3_600_000} h`,
      },
      rounds: { ours, limit },
    };
    return {
      ...{ bench: 'drift', ours: perCpuSecond(ours), limit: perCpuSecond(limit) },
      ...{ ratio: Number(ratio.toFixed(2)), unit: 'rows/CPU s', detail },
    };
  } finally {
    await admin.disconnect();
    await world.close();
  }
}
