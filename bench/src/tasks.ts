import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { createKafkaBus, type Bus } from '@everloop/kafka';
import { freePorts, startLocalKafka } from '@everloop/local';
import { createLogger, createMetrics, deferred } from '@everloop/service';
import type { BenchResult } from './result.ts';
import { measure, plainCopy } from './subject.ts';
import { median } from './quantiles.ts';

const records = 100_000;
const valueBytes = 256;
const partitions = 4;
const rounds = 3;

const logger = createLogger({ service: 'bench', level: 'error' });

/** CPU seconds of this process since `from`. */
function cpuSeconds(from: NodeJS.CpuUsage): number {
  const used = process.cpuUsage(from);
  return (used.user + used.system) / 1e6;
}

/** Copies `from` to `to` with libs/kafka: one task per partition, one transaction per fetch, ledger and watermark handling on. */
async function copyWithTasks(bus: Bus, from: string, to: string): Promise<void> {
  const done = deferred();
  let copied = 0;
  const tasks = bus.tasks({
    groupId: `bench-${to}`,
    inputs: [from],
    createHandler: (partition) => ({
      onRecords: (batch, context) => {
        for (const { key, value } of batch.records) context.emit({ topic: to, partition, key, value });
        copied += batch.records.length;
        if (copied >= records) done.resolve();
      },
    }),
  });
  await tasks.start();
  await done.promise;
  await tasks.stop();
}

async function fill(bus: Bus, topic: string): Promise<void> {
  const publisher = bus.publisher({ name: 'fill' });
  await publisher.start();
  const value = 'x'.repeat(valueBytes);
  for (let from = 0; from < records; from += 5_000) {
    await publisher.publish(Array.from({ length: 5_000 }, (_, i) => ({ topic, key: `k${from + i}`, value })));
  }
  await publisher.stop();
}

/** Records per CPU second of the copying process; the broker's own time is not counted. Alternates the two, `rounds` times each. */
export async function benchTasks(): Promise<BenchResult> {
  const folder = mkdtempSync(path.join(tmpdir(), 'everloop-bench-'));
  const [port = 0, controllerPort = 0] = await freePorts(2);
  const kafka = await startLocalKafka({ dir: folder, port, controllerPort, log: (line) => console.error(line) });
  const brokers = [kafka.brokers];
  const bus = createKafkaBus({ brokers, clientId: 'bench', logger, metrics: createMetrics('bench') });
  const admin = new Kafka({ clientId: 'bench', brokers, logLevel: logLevel.NOTHING }).admin();
  try {
    await bus.start();
    await admin.connect();
    const topic = (name: string) => ({ name, partitions });
    await bus.ensureTopics([topic('bench-in')]);
    await fill(bus, 'bench-in');
    const measured: { ours: number[]; plain: number[] } = { ours: [], plain: [] };
    for (let round = 0; round < rounds; round += 1) {
      await bus.ensureTopics([topic(`ours-${round}`), topic(`plain-${round}`)]);
      const from = process.cpuUsage();
      await copyWithTasks(bus, 'bench-in', `ours-${round}`);
      measured.ours.push(records / cpuSeconds(from));
      // In a process of its own: libs/kafka mends kafkajs where it is loaded.
      const limit = await measure(admin, plainCopy(kafka.brokers, 'bench-in', `plain-${round}`), 'bench-in', records);
      measured.plain.push(limit.perCpuSecond);
    }
    const [ours, limit] = [Math.round(median(measured.ours)), Math.round(median(measured.plain))];
    const detail = {
      limit: 'plain kafkajs transactions, same records',
      records,
      valueBytes,
      partitions,
      rounds: measured,
    };
    return { bench: 'tasks', ours, limit, ratio: Number((ours / limit).toFixed(2)), unit: 'records/CPU s', detail };
  } finally {
    await admin.disconnect();
    await bus.stop();
    await kafka.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
