import type { Part } from '@everloop/service';
import type { Bus, OutRecord, TaskHandler, TaskRunnerOptions } from '../src/index.ts';

/** A handler that copies to the same partition of `to` with the source's place in a header and its timestamp, and passes watermarks on. */
export function copyHandler(to: string): TaskHandler {
  return {
    onRecords(batch, context) {
      for (const { key, value, offset, timestampMs } of batch.records) {
        const headers = { src: `${batch.topic}/${batch.partition}/${offset}` };
        context.emit({ topic: to, partition: context.partition, key, value, headers, timestampMs });
      }
    },
    onWatermark: (watermarkMs, context) => context.emitWatermark(to, watermarkMs),
  };
}

export function copyTask(
  bus: Bus,
  groupId: string,
  from: string,
  to: string,
  more: Partial<TaskRunnerOptions> = {},
): Part {
  return bus.tasks({ groupId, inputs: [from], createHandler: () => copyHandler(to), ...more });
}

/** `count` records with the values `0` … spread over `partitions`. */
export function numbered(topic: string, count: number, partitions: number, from = 0): OutRecord[] {
  return Array.from({ length: count }, (_, i) => {
    const n = from + i;
    return { topic, partition: n % partitions, key: `k${n}`, value: String(n) };
  });
}

export async function publishAll(bus: Bus, records: readonly OutRecord[]): Promise<void> {
  const publisher = bus.publisher({ name: 'fixture' });
  for (let i = 0; i < records.length; i += 1_000) await publisher.publish(records.slice(i, i + 1_000));
  await publisher.stop();
}
