import { quarantineTopic, validTopic } from '@everloop/contracts';
import type { Batch, BusRecord, RawHeaders, TaskContext, TaskHandler } from '@everloop/kafka';
import type { Reason, RecordCheck, Verdict } from '@everloop/records';
import type { Telemetry } from '../telemetry.ts';

/** Header with the place of the raw record: `<topic>/<partition>/<offset>`. */
const sourceHeader = 'evl-src';
/** Header with the reasons of a quarantined record, JSON. */
const reasonsHeader = 'evl-reasons';

export interface ValidatorOptions {
  readonly source: string;
  readonly topic: string;
  readonly check: () => RecordCheck;
  readonly telemetry: Telemetry;
  /** Told of each record once it is judged, in the transaction of its batch. */
  readonly observe?: (record: BusRecord, verdict: Verdict) => void;
}

/**
 * The handler of one task of one Source: each record goes to the same partition of `<topic>.valid` or `<topic>.quarantine` with its
 * key, bytes and headers; watermarks go to valid. `check` is asked for each batch, so that a changed contract is taken up.
 */
export function createValidator(options: ValidatorOptions): TaskHandler {
  const { source, topic, telemetry, observe } = options;
  const valid = validTopic(topic);
  const quarantine = quarantineTopic(topic);
  return {
    onRecords(batch: Batch, context: TaskContext): void {
      const check = options.check();
      const byRule = new Map<string, number>();
      let quarantined = 0;
      for (const record of batch.records) {
        const verdict = check(record.value);
        observe?.(record, verdict);
        if (verdict.kind === 'valid') {
          const value = verdict.value ?? record.value;
          context.emit({
            topic: valid,
            partition: record.partition,
            key: record.key,
            value,
            headers: withSource(record),
            rawHeaders: foreignHeaders(record),
            ...written(record),
          });
          continue;
        }
        quarantined += 1;
        for (const { rule } of verdict.reasons) byRule.set(rule, (byRule.get(rule) ?? 0) + 1);
        context.emit(quarantinedRecord(quarantine, record, verdict.reasons));
      }
      telemetry.judged(source, batch.records.length - quarantined, quarantined, byRule);
    },
    onWatermark(watermarkMs: number, context: TaskContext): void {
      context.emitWatermark(valid, watermarkMs);
    },
  };
}

function withSource(record: BusRecord): Record<string, string> {
  return { ...record.headers, [sourceHeader]: `${record.topic}/${record.partition}/${record.offset}` };
}

/** Exact headers, without those that are written here: a record must not bring its own place or reasons. */
function foreignHeaders({ rawHeaders }: BusRecord): RawHeaders | undefined {
  if (rawHeaders === undefined) return undefined;
  const own = [sourceHeader, reasonsHeader];
  return Object.fromEntries(Object.entries(rawHeaders).filter(([name]) => !own.includes(name)));
}

function quarantinedRecord(topic: string, record: BusRecord, reasons: readonly Reason[]) {
  const headers = { ...withSource(record), [reasonsHeader]: JSON.stringify(reasons) };
  const { partition, key, value } = record;
  return { topic, partition, key, value, headers, rawHeaders: foreignHeaders(record), ...written(record) };
}

/** The time at which the raw record was written stays: it says when the fact became known. Negative means that it has none. */
function written({ timestampMs }: BusRecord): { readonly timestampMs?: number } {
  return timestampMs >= 0 ? { timestampMs } : {};
}
