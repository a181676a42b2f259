import type { Batch, SinkHandler } from '@everloop/kafka';
import { knownMs, recordedMs, scalarOf, timestampMs } from '@everloop/features';
import { createFieldReader, schemaRegistries, type FieldReader, type RegistryOf } from '@everloop/records';

import { errors } from '../errors.ts';
import type { Topology, TopicWork } from '../domain/topology.ts';
import type { History, HistoryRow } from '../ports.ts';
import type { Telemetry } from '../telemetry.ts';
import type { DecodedRecord, OnlineWriter } from './online-writer.ts';

export interface FeatureSinkOptions {
  readonly topology: Topology;
  readonly online: OnlineWriter;
  readonly history: History;
  readonly telemetry: Telemetry;
  /** Schema registries of Sources in a wire format; by default those that need no credentials. */
  readonly registryOf?: RegistryOf;
  /** Offset after the last record of a topic partition now. */
  readonly ends: (topic: string, partition: number) => Promise<number>;
}

/**
 * Applies valid records to the online rows and to the history. Each side drops what it holds already, so that the position is
 * the smaller of both and records may be read again after a restart or a loss of the online rows.
 */
export function createFeatureSink(options: FeatureSinkOptions): SinkHandler {
  const { topology, online, history, telemetry, ends, registryOf = schemaRegistries({}) } = options;
  const readers = new Map<string, FieldReader>();

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
      const next = applied === null ? stored : Math.min(applied, stored);
      telemetry.positioned(topic, partition, applied, stored);
      return next === 0 ? null : BigInt(next);
    },
    async apply(batch, after) {
      const work = workOf(batch.topic);
      const nextOffset = Number(after.nextOffset);
      if (batch.records.length > 0) {
        const reader = readerOf(work);
        await reader.prefetch(batch.records);
        const records = decode(batch, reader, telemetry);
        await online.apply(work, batch.partition, records, nextOffset);
        await history.append(batch.topic, batch.partition, historyRows(work, records), nextOffset);
      }
      telemetry.applied(batch.topic, batch.partition, batch.records.length, after.watermarkMs);
    },
    onWatermark: (watermarkMs) => telemetry.watermark(watermarkMs),
    released(topic, partition) {
      online.release(topic, partition);
      history.release(topic, partition);
    },
  };
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
