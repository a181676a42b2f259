import type { AggregateFeature, FeatureViewSpec, ModelSpec, SourceSpec } from '@everloop/contracts';

import type { CompiledView } from '../src/index.ts';
import { applyEvent, decodeRow, encodeRow, newRow, viewEvent } from '../src/index.ts';

export const sensorSource: SourceSpec = {
  topic: 'sensors',
  partitions: 3,
  format: 'json',
  key: 'reading_id',
  eventTime: 'at',
  allowedLatenessMs: 0,
  unexpected: 'drop',
  compatibility: 'backward',
  unique: [],
  fields: {
    reading_id: { type: 'string', required: true },
    sensor: { type: 'string', required: true },
    at: { type: 'timestamp', required: true },
    level: { type: 'number', required: false },
    place: { type: 'string', required: false },
  },
  rules: [],
};

export function viewSpec(part: Partial<FeatureViewSpec>): FeatureViewSpec {
  return {
    source: 'sensors',
    entity: 'sensor',
    columns: [],
    aggregations: [],
    hopMs: 10,
    ttlMs: 1_000,
    readBehindMs: 60,
    description: 'test',
    owner: 'test',
    ...part,
  };
}

export function aggregations(windowMs: number): AggregateFeature[] {
  return [
    { name: 'events', function: 'count', windowMs },
    { name: 'levels', function: 'count', column: 'level', windowMs },
    { name: 'total', function: 'sum', column: 'level', windowMs },
    { name: 'average', function: 'mean', column: 'level', windowMs },
  ];
}

export function modelSpec(part: Pick<ModelSpec, 'request' | 'views' | 'inputs'>): ModelSpec {
  return {
    joinKey: part.request[0]?.name ?? '',
    examples: { source: 'sensors', time: 'at', offsetMs: 0 },
    label: { source: 'sensors', key: 'reading_id', field: 'level', above: 0, waitMs: 0 },
    training: {
      recipe: 'gbdt',
      parameters: {},
      seed: 1,
      minRows: 1,
      windowMs: 1,
      timeHoldoutMs: 1,
      fixedHoldoutPercent: 1,
      fixedHoldoutSalt: 's',
      timeoutMs: 1,
    },
    gates: { minRows: 1, minAuc: 0.5, minRecentGain: 0, maxFixedLoss: 0, confidence: 0.95 },
    ...part,
  };
}

/** A record of the log as the tests make it up. */
export interface LogRecord {
  readonly partition: number;
  readonly offset: number;
  readonly sensor: string;
  readonly at: number;
  readonly level: number | null;
  readonly place: string | null;
}

/** Online rows of a view, by partition, after the records were applied; bytes go through the codec every `batch` records. */
export function materialise(
  view: CompiledView,
  records: readonly LogRecord[],
  sensor: string,
  batch: number,
): (Buffer | null)[] {
  return Array.from({ length: view.partitions }, (_, partition) => {
    let row = newRow(view);
    let bytes: Buffer | null = null;
    const mine = records.filter((record) => record.partition === partition && record.sensor === sensor);
    mine.forEach((record, index) => {
      const event = viewEvent(view, { ...record }, { offset: record.offset, recordedMs: 0 });
      if (event === null) return;
      applyEvent(view, row, event);
      if (index % batch !== batch - 1 && index !== mine.length - 1) return;
      bytes = encodeRow(view, row);
      row = decodeRow(view, bytes) ?? newRow(view);
    });
    return bytes;
  });
}
