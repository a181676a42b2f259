import { Kafka, logLevel, type Admin } from 'kafkajs';
import type { SourceFormat } from '@everloop/contracts';
import { freePorts } from '@everloop/local';
import { canPin, pin } from './process-stats.ts';
import type { BenchResult } from './result.ts';
import { median } from './quantiles.ts';
import { cores, measure, plainCopy, program, type Round, type Subject } from './subject.ts';
import { createValidatorWorld, partitions, type ValidatorWorld } from './validator-world.ts';

const records = Number(process.env['EVL_BENCH_RECORDS'] ?? 300_000);
const rounds = Number(process.env['EVL_BENCH_ROUNDS'] ?? 5);
const formats = (process.env['EVL_BENCH_FORMATS'] ?? 'json,avro').split(',') as SourceFormat[];
/** A folder for CPU profiles of the validator; unset measures as usual. */
const profiles = process.env['EVL_BENCH_PROFILES'];

function validator(world: ValidatorWorld, format: SourceFormat): Subject {
  return {
    groupId: `everloop.validator.orders-${format}`,
    async start() {
      const [http = 0] = await freePorts(1);
      const profiling = profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`];
      // As `everloop up` starts it.
      const flags = ['--max-old-space-size=384', '--max-semi-space-size=8', ...profiling];
      const env = { KAFKA_BROKERS: world.kafka.brokers, EVL_HTTP_PORT: String(http), EVL_LOG_LEVEL: 'error' };
      return program('../../services/validator/src/main.ts', { env, flags });
    },
  };
}

interface Comparison {
  readonly ours: number;
  readonly limit: number;
  /** Median of the rounds' ratios: both sides of a round met the same machine. */
  readonly ratio: number;
  readonly ratioPerSecond: number;
  readonly peakMib: { readonly ours: number; readonly limit: number };
  readonly rounds: { readonly ours: readonly Round[]; readonly limit: readonly Round[] };
}

async function compare(world: ValidatorWorld, admin: Admin, format: SourceFormat): Promise<Comparison> {
  const topic = await world.prepare(format, records);
  await world.bus.ensureTopics([{ name: `${topic}.copy`, partitions, config: { 'max.message.bytes': '4194304' } }]);
  const [ours, limit] = [validator(world, format), plainCopy(world.kafka.brokers, topic, `${topic}.copy`)];
  const measured: { ours: Round[]; limit: Round[] } = { ours: [], limit: [] };
  for (let round = 0; round < rounds; round++) {
    measured.ours.push(await measure(admin, ours, topic, records));
    measured.limit.push(await measure(admin, limit, topic, records));
    console.error(`${format} ${round + 1}/${rounds}: ${JSON.stringify([measured.ours.at(-1), measured.limit.at(-1)])}`);
  }
  const ratios = (key: 'perCpuSecond' | 'perSecond') =>
    median(measured.ours.map((one, round) => one[key] / (measured.limit[round]?.[key] ?? NaN)));
  return {
    ours: median(measured.ours.map(({ perCpuSecond }) => perCpuSecond)),
    limit: median(measured.limit.map(({ perCpuSecond }) => perCpuSecond)),
    ratio: Number(ratios('perCpuSecond').toFixed(2)),
    ratioPerSecond: Number(ratios('perSecond').toFixed(2)),
    peakMib: {
      ours: Math.max(...measured.ours.map(({ peakMib }) => peakMib)),
      limit: Math.max(...measured.limit.map(({ peakMib }) => peakMib)),
    },
    rounds: measured,
  };
}

/**
 * A validator as it runs in service, judging 20 columns from its source topic to valid and quarantine, beside kafkajs copying the same records with
 * transactions and no checks. Each is a process on one core, the broker has the other; they take turns.
 */
export async function benchValidator(): Promise<BenchResult> {
  const byFormat: Partial<Record<SourceFormat, Comparison>> = {};
  for (const format of formats) byFormat[format] = await compareAlone(format);
  const main = byFormat[formats[0] ?? 'json'];
  if (main === undefined) throw new Error('EVL_BENCH_FORMATS names no format');
  const detail = {
    limit: 'kafkajs copying the same records with transactions, without checks',
    ...{ records, columns: 20, partitions, isPinned: canPin(), formats: byFormat },
  };
  const { ours, limit, ratio } = main;
  return { bench: 'validator', ours, limit, ratio, unit: 'records/CPU s', detail };
}

/** With a broker of its own: a validator takes every Source that it finds. */
async function compareAlone(format: SourceFormat): Promise<Comparison> {
  const world = await createValidatorWorld();
  const admin = new Kafka({ clientId: 'bench', brokers: [world.kafka.brokers], logLevel: logLevel.NOTHING }).admin();
  try {
    await admin.connect();
    if (canPin()) for (const pid of [world.kafka.process.pid, process.pid]) pin(pid, cores.others);
    return await compare(world, admin, format);
  } finally {
    await admin.disconnect();
    await world.close();
  }
}
