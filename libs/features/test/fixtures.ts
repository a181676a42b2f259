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

/** Every function, of numbers and of text, over two windows. */
export const everyAggregation: readonly AggregateFeature[] = [35, 90].flatMap((windowMs): AggregateFeature[] => [
  { name: `events_${windowMs}`, function: 'count', windowMs },
  { name: `levels_${windowMs}`, function: 'count', column: 'level', windowMs },
  { name: `places_${windowMs}`, function: 'count', column: 'place', windowMs },
  { name: `total_${windowMs}`, function: 'sum', column: 'level', windowMs },
  { name: `average_${windowMs}`, function: 'mean', column: 'level', windowMs },
  { name: `lowest_${windowMs}`, function: 'min', column: 'level', windowMs },
  { name: `highest_${windowMs}`, function: 'max', column: 'level', windowMs },
  { name: `spread_${windowMs}`, function: 'std', column: 'level', windowMs },
  { name: `last_${windowMs}`, function: 'last', column: 'place', windowMs },
  { name: `last_levels_${windowMs}`, function: 'lastK', column: 'level', k: 3, windowMs },
  { name: `last_places_${windowMs}`, function: 'lastK', column: 'place', k: 2, windowMs },
  { name: `places_seen_${windowMs}`, function: 'approxDistinct', column: 'place', windowMs },
  { name: `levels_seen_${windowMs}`, function: 'approxDistinct', column: 'level', windowMs },
  { name: `median_${windowMs}`, function: 'quantile', column: 'level', quantile: 0.5, windowMs },
  { name: `most_${windowMs}`, function: 'quantile', column: 'level', quantile: 0.9, windowMs },
]);

export function modelSpec(part: Pick<ModelSpec, 'request' | 'views' | 'inputs' | 'onDemand'>): ModelSpec {
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
  /** When it became known; absent: when it happened. */
  readonly known?: number;
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
      const event = viewEvent(
        view,
        { ...record },
        {
          offset: record.offset,
          recordedMs: record.known ?? record.at,
        },
      );
      if (event === null) return;
      applyEvent(view, row, event);
      if (index % batch !== batch - 1 && index !== mine.length - 1) return;
      bytes = encodeRow(view, row);
      row = decodeRow(view, bytes) ?? newRow(view);
    });
    return bytes;
  });
}
