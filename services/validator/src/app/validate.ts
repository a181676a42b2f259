import { quarantineTopic, uniqueTopic, validTopic } from '@everloop/contracts';
import type { Batch, BusRecord, TaskContext, TaskHandler } from '@everloop/kafka';
import type { RecordCheck, Verdict } from '@everloop/records';
import type { BatchSummary } from '../domain/batch-summary.ts';
import { emptySummary, summarise } from '../domain/batch-summary.ts';
import type { UniqueMemory } from '../domain/unique-memory.ts';
import type { Telemetry } from '../telemetry.ts';
import { quarantinedRecord, validRecord } from './output.ts';

export interface ValidatorOptions {
  readonly source: string;
  readonly topic: string;
  /** Asked for each batch, so that a changed contract is taken up. */
  readonly check: () => RecordCheck;
  /** Fetches the schemas that a batch needs; undefined when they are there. */
  readonly prefetch?: (records: readonly BusRecord[]) => Promise<void> | undefined;
  /** What remembers earlier records, where the Source wants values to be unique; null costs nothing. */
  readonly unique: UniqueMemory | null;
  readonly telemetry: Telemetry;
  /** Told of each record once it is judged, in the transaction of its batch. */
  readonly observe?: (record: BusRecord, verdict: Verdict, context: TaskContext) => void;
}

/**
 * The handler of one task of one Source: each record goes to the same partition of `<topic>.valid` or `<topic>.quarantine` with its
 * key, bytes, headers and time; watermarks go to valid.
 */
export function createValidator(options: ValidatorOptions): TaskHandler {
  const { source, topic, unique, telemetry, observe } = options;
  const valid = validTopic(topic);
  const quarantine = quarantineTopic(topic);
  return {
    onRecords(batch, context) {
      const check = options.check();
      const fetching = options.prefetch?.(batch.records);
      if (fetching !== undefined) return fetching.then(() => judge(check, batch, context));
      judge(check, batch, context);
      return undefined;
    },
    onWatermark(watermarkMs, context) {
      if (unique !== null) {
        unique.passWatermark(watermarkMs);
        writeChanges(unique, context);
      }
      context.emitWatermark(valid, watermarkMs);
    },
  };

  function judge(check: RecordCheck, batch: Batch, context: TaskContext): void {
    const summary: BatchSummary = emptySummary();
    for (const record of batch.records) {
      const judged = check(record.value, record);
      const verdict = unique === null ? judged : unique.judge(record, judged);
      if (verdict.kind === 'valid') context.emit(validRecord(valid, record, verdict.value));
      else context.emit(quarantinedRecord(quarantine, record, verdict.reasons));
      summarise(summary, verdict);
      observe?.(record, verdict, context);
    }
    if (unique !== null) writeChanges(unique, context);
    telemetry.judged(source, summary);
  }

  function writeChanges(memory: UniqueMemory, context: TaskContext): void {
    const { changes, evicted } = memory.takeChanges();
    for (const [key, value] of changes)
      context.emit({ topic: uniqueTopic(topic), partition: context.partition, key, value });
    if (evicted > 0) telemetry.forgotten(source, evicted);
  }
}
