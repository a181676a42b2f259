/**
 * `npm run bench -- <name>`: measures ours beside a limit or a peer in the same run, several times, keeps the result with date and machine in
 * bench/results, and ends with one JSON line.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import path from 'node:path';
import { benchAlarms } from './alarms/alarms.ts';
import { benchBatching } from './batching.ts';
import { benchDrift } from './drift.ts';
import { benchFeaturesOffline } from './features-offline.ts';
import { benchFeaturesOnline } from './features-online.ts';
import { benchGate } from './gate.ts';
import { benchGateway } from './gateway.ts';
import type { BenchResult } from './result.ts';
import { benchSwaps } from './swaps.ts';
import { benchTasks } from './tasks.ts';
import { benchValidator } from './validator.ts';

const benches: Readonly<Record<string, { readonly about: string; readonly run: () => Promise<BenchResult> }>> = {
  alarms: {
    about:
      'false retrainings and detection delays of simulated 90 days, beside the rules of others; `alarms <seeds>` for fewer than 200',
    run: benchAlarms,
  },
  batching: {
    about: 'the large model with `batching`, whose requests wait for each other, beside the same without it',
    run: benchBatching,
  },
  drift: {
    about:
      'the drift detector on a log of predictions, 20 numbers each, beside a program that only reads and decodes it',
    run: benchDrift,
  },
  'features-offline': {
    about: '100,000 rows against three views of 10,000,000 rows: our point-in-time query beside a bare ASOF join',
    run: benchFeaturesOffline,
  },
  'features-online': {
    about: '50 entities × 20 features: library and gRPC service, beside raw MGET of the same rows',
    run: benchFeaturesOnline,
  },
  gate: {
    about: "the gateway's check of one request of 20 inputs, beside the 50 µs that it may cost",
    run: benchGate,
  },
  gateway: {
    about: 'the gateway with all that it does, beside a bare gRPC echo and a bare gRPC server with onnxruntime-node',
    run: benchGateway,
  },
  swaps: {
    about:
      '1,000 models put into service one after another under load: memory at the end beside that after the first 200',
    run: benchSwaps,
  },
  tasks: {
    about: 'exactly-once copy of a topic through libs/kafka, beside the same copy with plain kafkajs transactions',
    run: benchTasks,
  },
  validator: {
    about: 'a validator with a contract of 20 columns, beside kafkajs copying the same records without checks',
    run: benchValidator,
  },
};

const name = process.argv[2] ?? '';
const bench = benches[name];
if (bench === undefined) {
  console.error(`Usage: npm run bench -- <name>\n`);
  for (const [known, { about }] of Object.entries(benches)) console.error(`  ${known.padEnd(16)} ${about}`);
  process.exitCode = 2;
} else {
  const minuteLoad = (): number => Number((loadavg()[0] ?? Number.NaN).toFixed(1));
  const before = minuteLoad();
  const result = await bench.run();
  const date = new Date().toISOString();
  const folder = path.resolve(import.meta.dirname, '../results');
  const machine = {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
  };
  mkdirSync(folder, { recursive: true });
  // What else ran: a load above the number of cores takes from every figure, from p99 the most.
  const load = { before, after: minuteLoad() };
  const record = { ...result, date, machine, load, node: process.version };
  writeFileSync(path.join(folder, `${name}-${date.slice(0, 10)}.json`), `${JSON.stringify(record, null, 2)}\n`);
  const { detail, ...line } = result;
  console.log(JSON.stringify(detail));
  console.log(JSON.stringify(line));
}
