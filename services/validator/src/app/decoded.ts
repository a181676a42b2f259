import { parseTimestamp } from '@everloop/records';
import type { Fields } from '../domain/quality/sums.ts';

/** What of a judged record can be counted: its fields and event time, as far as they can be read. */
export interface Decoded {
  readonly record: Fields | null;
  readonly timeMs: number | null;
}

const unreadable: Decoded = { record: null, timeMs: null };

/** Fields and event time of JSON bytes; nulls for what is no object or has no time. Never throws. */
export function decoded(value: Buffer | null, eventTime: string): Decoded {
  if (value === null) return unreadable;
  try {
    const record: unknown = JSON.parse(value.toString('utf8'));
    if (typeof record !== 'object' || record === null || Array.isArray(record)) return unreadable;
    const fields = record as Fields;
    return { record: fields, timeMs: parseTimestamp(fields[eventTime]) };
  } catch {
    return unreadable;
  }
}
