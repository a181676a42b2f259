import type { OutRecord, TaskContext } from './bus.ts';
import { kafkaError } from './errors.ts';
import { markerRecord } from './markers.ts';
import { partitionOfKey } from './partitioner.ts';
import type { PlacedRecord } from './transactional-producer.ts';

/** Number of partitions of a topic; rejects when it does not exist. */
export type PartitionCounts = (topic: string) => Promise<number>;

interface PendingMarker {
  readonly topic: string;
  readonly watermarkMs: number;
  readonly partition: number | undefined;
}

/** Gathers what a handler emits until the batch's transaction takes it. */
export class OutputBuffer implements TaskContext {
  readonly partition: number;
  readonly replaying: boolean;
  #outputs: (OutRecord | PendingMarker)[] = [];

  constructor(partition: number, replaying: boolean) {
    this.partition = partition;
    this.replaying = replaying;
  }

  emit(record: OutRecord): void {
    if (!this.replaying) this.#outputs.push(record);
  }

  emitWatermark(topic: string, watermarkMs: number, partition?: number): void {
    if (!this.replaying) this.#outputs.push({ topic, watermarkMs, partition });
  }

  /**
   * Hands over what was emitted, in order, with each record's partition decided. `task` names the writer of markers; `tasks` is
   * how many there are.
   */
  async take(
    task: { readonly groupId: string; readonly tasks: number },
    counts: PartitionCounts,
  ): Promise<readonly PlacedRecord[]> {
    const outputs = this.#outputs;
    this.#outputs = [];
    const known = new Map<string, number>();
    for (const { topic } of outputs) if (!known.has(topic)) known.set(topic, await counts(topic));
    return outputs.map((output) => {
      const count = known.get(output.topic) ?? 1;
      const placed = 'watermarkMs' in output ? this.#placeMarker(output, task, count) : place(output, count);
      if (placed.partition >= 0 && placed.partition < count) return placed;
      throw kafkaError(
        'partitionUnknown',
        `topic '${placed.topic}' has ${count} partitions, so none is number ${placed.partition}`,
      );
    });
  }

  /** A partition that only this task writes to has one writer of markers; any other hears from every task. */
  #placeMarker(
    marker: PendingMarker,
    task: { readonly groupId: string; readonly tasks: number },
    count: number,
  ): PlacedRecord {
    const partition = marker.partition ?? (count === task.tasks ? this.partition : 0);
    const own = count === task.tasks && partition === this.partition;
    const writer = `${task.groupId}/${this.partition}`;
    const record = markerRecord(marker.topic, partition, {
      watermarkMs: marker.watermarkMs,
      writer,
      writers: own ? 1 : task.tasks,
    });
    return { ...record, partition };
  }
}

let roundRobin = 0;

function place(record: OutRecord, count: number): PlacedRecord {
  if (record.partition !== undefined) return record as PlacedRecord;
  const partition = record.key === null ? (roundRobin = (roundRobin + 1) % count) : partitionOfKey(record.key, count);
  return { ...record, partition };
}
