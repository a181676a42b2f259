import type { BusRecord, TaskHandler, TaskRunnerOptions } from './bus.ts';
import type { KafkaAdmin } from './admin.ts';
import { deliver, partitionKey } from './deliver.ts';
import { kafkaError } from './errors.ts';
import { isMarker } from './markers.ts';
import { readRanges } from './read-range.ts';
import type { RecordReader } from './reader.ts';
import { OutputBuffer } from './task-context.ts';
import type { WatermarkTracker } from './watermarks.ts';

export interface RestoreArgs {
  readonly restore: TaskRunnerOptions['restore'];
  readonly partition: number;
  readonly handler: TaskHandler;
  readonly admin: KafkaAdmin;
  readonly reader: RecordReader;
  readonly watermarks: WatermarkTracker;
  /** Where each input is kept from, and where this task goes on; in the order of the inputs. */
  readonly inputs: readonly { readonly topic: string; readonly low: bigint; readonly position: bigint }[];
}

/** Brings a handler's state back after its task was acquired. */
export async function restoreHandler(args: RestoreArgs): Promise<void> {
  switch (args.restore?.kind) {
    case undefined:
    case 'none':
      return;
    case 'replay':
      await replay(args);
      return;
    case 'changelog':
      await restoreChangelog(args, args.restore);
  }
}

/**
 * Gives the inputs' records up to the committed offsets to the handler again. The inputs are merged by watermark: the one that is
 * furthest behind goes on to its next marker. So the order depends on the records alone.
 */
async function replay(args: RestoreArgs): Promise<void> {
  const { partition, handler, watermarks } = args;
  const logs = new Map<string, BusRecord[]>(args.inputs.map((input) => [input.topic, []]));
  const ranges = args.inputs.map(({ topic, low, position }) => ({ topic, partition, from: low, until: position }));
  await readRanges(args.reader, ranges, ({ topic, records }) => {
    const log = logs.get(topic);
    for (const record of records) log?.push(record);
  });
  const context = new OutputBuffer(partition, true);
  const next = new Map<string, number>(args.inputs.map((input) => [input.topic, 0]));
  for (;;) {
    const topic = furthestBehind(logs, next, (t) => watermarks.partition(partitionKey(t, partition)).value);
    if (topic === undefined) return;
    const log = logs.get(topic) ?? [];
    const from = next.get(topic) ?? 0;
    const marker = log.findIndex((record, i) => i >= from && isMarker(record));
    const until = marker < 0 ? log.length : marker + 1;
    await deliver({ topic, partition, records: log.slice(from, until) }, handler, watermarks, context);
    await handler.flush?.(context);
    next.set(topic, until);
  }
}

function furthestBehind(
  logs: ReadonlyMap<string, readonly BusRecord[]>,
  next: ReadonlyMap<string, number>,
  watermarkOf: (topic: string) => number | null,
): string | undefined {
  let chosen: string | undefined;
  let smallest = Infinity;
  for (const [topic, log] of logs) {
    if ((next.get(topic) ?? 0) >= log.length) continue;
    const watermarkMs = watermarkOf(topic) ?? -Infinity;
    if (chosen !== undefined && watermarkMs >= smallest) continue;
    chosen = topic;
    smallest = watermarkMs;
  }
  return chosen;
}

async function restoreChangelog(
  args: RestoreArgs,
  options: Extract<RestoreArgs['restore'], { readonly kind: 'changelog' }>,
): Promise<void> {
  const { partition } = args;
  const offsets = (await args.admin.offsets(options.topic)).find((o) => o.partition === partition);
  if (offsets === undefined) {
    throw kafkaError(
      'notCopartitioned',
      `changelog topic '${options.topic}' has no partition ${partition}; give it as many as the inputs have`,
    );
  }
  const newest = new Map<string, BusRecord>();
  const range = {
    topic: options.topic,
    partition,
    from: offsets.low,
    until: await args.admin.end(options.topic, partition),
  };
  await readRanges(args.reader, [range], ({ records }) => {
    for (const record of records) {
      if (record.key === null || isMarker(record)) continue;
      const key = record.key.toString('latin1');
      newest.delete(key);
      if (record.value !== null) newest.set(key, record);
    }
  });
  await options.restore(args.handler, [...newest.values()]);
}
