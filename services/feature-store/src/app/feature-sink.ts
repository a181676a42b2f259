import type { Batch, SinkHandler } from '@everloop/kafka';
import { knownMs, recordedMs, scalarOf, timestampMs } from '@everloop/features';
import { createFieldReader, schemaRegistries, type FieldReader, type RegistryOf } from '@everloop/records';

import { errors } from '../errors.ts';
import { LateEvents } from '../domain/late-events.ts';
import type { Topology, TopicWork } from '../domain/topology.ts';
import type { History, HistoryRow } from '../ports.ts';
import type { Telemetry } from '../telemetry.ts';
import { backfill, materialise, type MaterialiseRange } from './from-history.ts';
import type { DecodedRecord, OnlineWriter } from './online-writer.ts';

export interface FeatureSinkOptions {
  readonly topology: Topology;
  readonly online: OnlineWriter;
  readonly history: History;
  readonly telemetry: Telemetry;
  /** Schema registries of Sources in a wire format; by default those that need no credentials. */
  readonly registryOf?: RegistryOf;
  /** Offset of the first record that a topic partition keeps now (0 if absent), and after the last. */
  readonly starts?: (topic: string, partition: number) => Promise<number>;
  readonly ends: (topic: string, partition: number) => Promise<number>;
  /** Places (`evl-src`) of records that are now in the online rows. */
  readonly onApplied?: (places: readonly string[]) => void;
}

/** The sink's handler, and what may be asked of the partitions that it holds. */
export interface FeatureSink extends SinkHandler {
  /** Makes online rows of a held partition anew, between two batches. */
  materialise(
    topic: string,
    partition: number,
    asked: { readonly views: ReadonlySet<string> | null; readonly range: MaterialiseRange | null },
  ): Promise<{ readonly rows: number; readonly records: number }>;
}

/** Header with the place of the raw record that a valid record came from. */
const sourceHeader = 'evl-src';

/**
 * Applies valid records to the online rows and to the history. Each side drops what it holds already, so that the position is
 * the smaller of both and records may be read again after a restart or a loss of the online rows.
 */
export function createFeatureSink(options: FeatureSinkOptions): FeatureSink {
  const { topology, online, history, telemetry, ends, registryOf = schemaRegistries({}) } = options;
  const readers = new Map<string, FieldReader>();
  const turns = new Map<string, Promise<unknown>>();
  const late = new LateEvents();

  /** Runs `work` when what was begun for the partition before has ended. */
  function inTurn<T>(topic: string, partition: number, work: () => Promise<T>): Promise<T> {
    const key = `${topic}/${partition}`;
    const result = (turns.get(key) ?? Promise.resolve()).then(work);
    turns.set(
      key,
      result.catch(() => undefined),
    );
    return result;
  }

  function workOf(topic: string): TopicWork {
    const work = topology.work.get(topic);
    if (work === undefined) throw new Error(`no work is defined for topic ${topic}`);
    return work;
  }

  function readerOf({ topic, source }: TopicWork): FieldReader {
    const known = readers.get(topic) ?? createFieldReader(source, registryOf);
    readers.set(topic, known);
    return known;
  }

  return {
    async position(topic, partition) {
      const [applied, stored] = await Promise.all([
        online.nextOffset(workOf(topic), partition),
        history.nextOffset(topic, partition),
      ]);
      const end = await ends(topic, partition);
      if (Math.max(applied ?? 0, stored) > end)
        throw errors.otherLog(topic, partition, Math.max(applied ?? 0, stored), end);
      telemetry.positioned(topic, partition, applied, stored);
      late.begin(topic, partition, Math.max(applied ?? 0, stored));
      const start = (await options.starts?.(topic, partition)) ?? 0;
      const isBehind = applied !== null && applied < start && applied < stored;
      const caughtUp = isBehind
        ? await backfill({ online, history, telemetry }, workOf(topic), partition, { applied, stored })
        : applied;
      const next = caughtUp === null ? stored : Math.min(caughtUp, stored);
      if (next >= start) return next === 0 ? null : BigInt(next);
      // A position that the topic does not keep would be asked for in vain for ever.
      if (next > 0) telemetry.recordsGone(topic, partition, next, start);
      return BigInt(start);
    },
    apply: (batch, after) =>
      inTurn(batch.topic, batch.partition, async () => {
        const work = workOf(batch.topic);
        const nextOffset = Number(after.nextOffset);
        if (batch.records.length > 0) {
          const reader = readerOf(work);
          await reader.prefetch(batch.records);
          const records = decode(batch, reader, telemetry);
          await online.apply(work, batch.partition, records, nextOffset);
          options.onApplied?.(placesOf(batch));
          const rows = historyRows(work, records);
          await history.append(batch.topic, batch.partition, rows, nextOffset);
          const lateness = late.count(batch.topic, batch.partition, rows, work.source.allowedLatenessMs);
          if (lateness.length > 0) telemetry.late(work.table.source, lateness);
        }
        telemetry.applied(batch.topic, batch.partition, batch.records.length, after.watermarkMs);
      }),
    materialise: (topic, partition, asked) =>
      inTurn(topic, partition, () => materialise({ online, history, telemetry }, workOf(topic), partition, asked)),
    onWatermark: (watermarkMs) => telemetry.watermark(watermarkMs),
    released(topic, partition) {
      online.release(topic, partition);
      history.release(topic, partition);
      late.end(topic, partition);
    },
  };
}

function placesOf(batch: Batch): string[] {
  return batch.records.flatMap(({ headers }) => headers[sourceHeader] ?? []);
}

/** Decodes each record once. What is no record cannot have passed the validator; it is counted and left out. */
function decode(batch: Batch, reader: FieldReader, telemetry: Telemetry): DecodedRecord[] {
  const decoded: DecodedRecord[] = [];
  for (const record of batch.records) {
    const { offset } = record;
    const fields = reader.read(record);
    if (fields === null) telemetry.undecodable(batch.topic, batch.partition, offset);
    else decoded.push({ offset: Number(offset), recordedMs: recordedMs(record), fields });
  }
  return decoded;
}

function historyRows(work: TopicWork, records: readonly DecodedRecord[]): HistoryRow[] {
  const rows: HistoryRow[] = [];
  const fields = work.table.fields.map(({ name }) => ({ name, type: work.source.fields[name]?.type ?? 'string' }));
  for (const record of records) {
    const timeMs = timestampMs(record.fields[work.source.eventTime]);
    if (timeMs === null) continue;
    const values = fields.map(({ name, type }) => scalarOf(type, record.fields[name]));
    const known = knownMs(work.source.createdTime ?? null, record.fields, timeMs, record);
    rows.push({ offset: record.offset, timeMs, knownMs: known, values });
  }
  return rows;
}
