import type { BusRecord, OutRecord } from './bus.ts';

/** Header that makes a record a watermark marker: epoch milliseconds, decimal. */
export const watermarkHeader = 'evl-watermark';
/** Header with the writer of a marker, stable over restarts: `<group>/<task>`. */
export const writerHeader = 'evl-writer';
/** Header with the number of distinct writers of markers in this partition. */
export const writersHeader = 'evl-writers';

/** No record with an event time before `watermarkMs` follows from `writer` in this partition. */
export interface Marker {
  readonly watermarkMs: number;
  readonly writer: string;
  /** How many distinct writers the partition has, at least 1. */
  readonly writers: number;
}

/** Whether a record is a watermark marker, not data. */
export function isMarker(record: Pick<BusRecord, 'headers'>): boolean {
  return record.headers[watermarkHeader] !== undefined;
}

/** What a marker says, or null if it is malformed; a malformed marker is neither data nor heeded. */
export function readMarker(record: Pick<BusRecord, 'headers'>): Marker | null {
  const watermarkMs = Number(record.headers[watermarkHeader] || Number.NaN);
  const writers = Number(record.headers[writersHeader] ?? '1');
  if (!Number.isSafeInteger(watermarkMs) || !Number.isSafeInteger(writers) || writers < 1) return null;
  return { watermarkMs, writer: record.headers[writerHeader] ?? '', writers };
}

/** A marker as a record. The key keeps the newest marker of each writer when a topic is compacted; the value is empty, not null. */
export function markerRecord(topic: string, partition: number, marker: Marker): OutRecord {
  return {
    topic,
    partition,
    key: `__watermark/${marker.writer}`,
    value: '',
    headers: {
      [watermarkHeader]: String(marker.watermarkMs),
      [writerHeader]: marker.writer,
      [writersHeader]: String(marker.writers),
    },
  };
}
