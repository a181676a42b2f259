import type { BusRecord, TaskContext, TaskHandler } from './bus.ts';
import { isMarker, readMarker } from './markers.ts';
import type { WatermarkTracker } from './watermarks.ts';

export interface Delivery {
  readonly topic: string;
  readonly partition: number;
  /** Data and markers in offset order. */
  readonly records: readonly BusRecord[];
}

/** Name of a partition in a `WatermarkTracker`. */
export function partitionKey(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}

/** Records between markers, and the markers, in order. O(records). */
export function* runs(
  records: readonly BusRecord[],
): Generator<{ readonly data: readonly BusRecord[] } | { readonly marker: BusRecord }> {
  let start = 0;
  for (let i = 0; i < records.length; i += 1) {
    const record = records[i];
    if (record === undefined || !isMarker(record)) continue;
    if (i > start) yield { data: records.slice(start, i) };
    yield { marker: record };
    start = i + 1;
  }
  if (start < records.length) yield { data: start === 0 ? records : records.slice(start) };
}

/** Gives data to the handler and markers to the tracker, in order, and tells the handler when the smallest watermark moved. Returns the number of data records. */
export async function deliver(
  delivery: Delivery,
  handler: TaskHandler,
  watermarks: WatermarkTracker,
  context: TaskContext,
): Promise<number> {
  const { topic, partition } = delivery;
  let count = 0;
  for (const run of runs(delivery.records)) {
    if ('data' in run) {
      count += run.data.length;
      await handler.onRecords({ topic, partition, records: run.data }, context);
      continue;
    }
    const marker = readMarker(run.marker);
    if (marker === null || !watermarks.observe(partitionKey(topic, partition), marker) || watermarks.value === null)
      continue;
    await handler.onWatermark?.(watermarks.value, context);
  }
  return count;
}
