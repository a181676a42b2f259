import {
  canonicalJson,
  encodeEvent,
  eventId,
  quality,
  qualityTopic,
  qualityTypes,
  topics,
  type SourceSpec,
  type WindowSpec,
} from '@everloop/contracts';
import type { BusRecord, OutRecord } from '@everloop/kafka';
import { undecodableQuality } from '../errors.ts';
import type { OpenHold } from '../domain/quality/holds.ts';
import type { Definition } from '../domain/quality/source-judge.ts';

const origin = 'everloop/validator';

/** The rules of a Source, for the log that its windows are judged from. */
export function definitionRecord(source: string, revision: number, spec: SourceSpec): OutRecord {
  const { topic, partitions, allowedLatenessMs, windows = [] } = spec;
  const definition = { source, revision, topic, partitions, allowedLatenessMs, windowsJson: canonicalJson(windows) };
  const event = encodeEvent({
    id: eventId('quality-definition', source, String(revision)),
    type: qualityTypes.definition,
    ...{ source: origin, subject: source, data: quality.Definition.toJSON(definition) },
  });
  return { topic: qualityTopic(topic), partition: 0, key: source, ...event };
}

/** The statistics of a batch. */
export function paneRecord(source: string, topic: string, batch: quality.PaneBatch): OutRecord {
  const { partition, firstOffset } = batch;
  return {
    topic: qualityTopic(topic),
    partition: 0,
    key: source,
    value: Buffer.from(quality.PaneBatch.encode(batch).finish()),
    headers: {
      ce_specversion: '1.0',
      ce_id: eventId('quality-pane', topic, String(partition), String(firstOffset)),
      ce_type: qualityTypes.pane,
      ce_source: origin,
      ce_subject: source,
      'content-type': 'application/protobuf',
    },
  };
}

/** A record of a `<topic>.quality`; null for what is none of them. */
export type QualityInput =
  | { readonly kind: 'definition'; readonly definition: Definition }
  | { readonly kind: 'pane'; readonly batch: quality.PaneBatch }
  | { readonly kind: 'release'; readonly command: quality.ReleaseHold };

/** Reads a record of a `<topic>.quality`. A command that cannot be read is null: people write those. */
export function readQuality(record: BusRecord): QualityInput | null {
  const { value, headers } = record;
  if (value === null) return null;
  try {
    switch (headers['ce_type']) {
      case qualityTypes.pane:
        return { kind: 'pane', batch: quality.PaneBatch.decode(value) };
      case qualityTypes.definition: {
        const { windowsJson, ...rest } = quality.Definition.fromJSON(JSON.parse(value.toString()));
        // The registry has checked them when the Source was applied, and only the validator writes them.
        return { kind: 'definition', definition: { ...rest, windows: JSON.parse(windowsJson) as WindowSpec[] } };
      }
      case qualityTypes.release:
        return { kind: 'release', command: quality.ReleaseHold.fromJSON(JSON.parse(value.toString())) };
      default:
        return null;
    }
  } catch (error) {
    if (headers['ce_type'] === qualityTypes.release) return null;
    throw undecodableQuality(record.topic, record.partition, record.offset, error);
  }
}

export function reportRecord(report: quality.WindowReport): OutRecord {
  const { id, source, endMs } = report;
  const data = quality.WindowReport.toJSON(report);
  const event = encodeEvent({
    id,
    type: topics.qualityReport,
    source: origin,
    subject: source,
    eventTimeMs: endMs,
    data,
  });
  return { topic: topics.qualityReport, partition: 0, key: source, ...event };
}

/** What ended a hold. */
export interface HoldEnd {
  readonly state: typeof quality.HoldState.CLOSED | typeof quality.HoldState.RELEASED;
  readonly untilMs: number;
  readonly closedAtMs: number;
  readonly accepted: boolean;
  readonly reason: string;
  readonly by: string;
}

/** How a hold stands. */
export function toHold(source: string, topic: string, hold: OpenHold, end: HoldEnd | null): quality.Hold {
  const { id, window, rules, fromMs, openedAtMs, reportId, reason } = hold;
  const open = { state: quality.HoldState.OPEN, untilMs: 0, closedAtMs: 0, accepted: false, reason, by: '' };
  return { id, source, topic, window, rules: [...rules], fromMs, openedAtMs, reportId, ...(end ?? open) };
}

export function holdRecord(hold: quality.Hold): OutRecord {
  const { id, source, state, rules, openedAtMs, closedAtMs } = hold;
  const event = encodeEvent({
    id: eventId('hold-event', id, state, String(rules.length)),
    type: topics.qualityHold,
    source: origin,
    subject: source,
    eventTimeMs: state === quality.HoldState.OPEN ? openedAtMs : closedAtMs,
    data: quality.Hold.toJSON(hold),
  });
  return { topic: topics.qualityHold, partition: 0, key: id, ...event };
}

/** How far a Source is judged; beside the holds, so that whoever reads them knows what they cover. */
export function judgedRecord(source: string, watermarkMs: number): OutRecord {
  const event = encodeEvent({
    id: eventId('judged', source, String(watermarkMs)),
    type: 'everloop.quality.judged.v1',
    source: origin,
    subject: source,
    eventTimeMs: watermarkMs,
    data: quality.SourceJudged.toJSON({ source, watermarkMs }),
  });
  return { topic: topics.qualityHold, partition: 0, key: `judged/${source}`, ...event };
}
