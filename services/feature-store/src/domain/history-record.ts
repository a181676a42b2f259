import type { FieldType } from '@everloop/contracts';
import type { EventFields } from '@everloop/features';

import type { HistoryRow } from '../ports.ts';
import type { TopicWork } from './topology.ts';

/** A record as the sink decodes it from the topic. */
export interface RecordOfHistory {
  readonly offset: number;
  readonly recordedMs: number;
  readonly fields: EventFields;
}

/**
 * A row of the history as the record that it came from, as far as features go: the same event, the same values, the same time at which it
 * became known. Columns that the Source does not list are not in the history.
 */
export function recordOfHistory(work: TopicWork, row: HistoryRow): RecordOfHistory {
  const fields: Record<string, unknown> = {};
  work.table.fields.forEach(({ name }, i) => {
    const value = row.values[i] ?? null;
    if (value !== null) fields[name] = original(work.source.fields[name]?.type ?? 'string', value);
  });
  // The event time is kept apart, also where the Source's own field was text.
  fields[work.source.eventTime] = row.timeMs;
  return { offset: row.offset, recordedMs: row.knownMs, fields };
}

/** What `scalarOf` made a stored value of. */
function original(type: FieldType, value: number | string): unknown {
  if (type === 'boolean') return value === 1;
  return (type === 'object' || type === 'array') && typeof value === 'string' ? (JSON.parse(value) as unknown) : value;
}
