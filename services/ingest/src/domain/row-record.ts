import type { BatchSpec, FieldContract, SourceSpec } from '@everloop/contracts';
import { fieldValue, timeMs, type Cell } from './field-value.ts';

/** Header with the time at which a record became known, epoch milliseconds. */
const knownHeader = 'evl-known';
/** Header with the place of the row in the batch source: `<part>:<line or row>`. */
export const placeHeader = 'evl-batch';

/** A row as a record of the Source's topic. */
export interface RowRecord {
  readonly key: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;
  /** Event time, null where the row has none. */
  readonly eventMs: number | null;
}

/** Turns rows into records; made once for a Source. */
export type RowMapper = (row: Readonly<Record<string, Cell>>, place: string, landedMs: number) => RowRecord;

/**
 * Only columns that a field names are taken. A column that a row does not have is a field that is absent. The key is the key field
 * as text; a row without one gets its place, so that it has a partition, and is left to the validator.
 */
export function createRowMapper(spec: SourceSpec, batch: BatchSpec): RowMapper {
  const fields = Object.entries(spec.fields).map(([name, contract]) => ({
    name,
    column: batch.columns[name] ?? name,
    contract,
  }));
  return (row, place, landedMs) => {
    const record: Record<string, unknown> = {};
    for (const { name, column, contract } of fields) {
      const cell = row[column];
      if (cell !== undefined && (cell !== null || mayBeNull(contract))) record[name] = fieldValue(contract.type, cell);
    }
    const eventMs = timeMs(record[spec.eventTime]);
    const key = record[spec.key];
    return {
      key: typeof key === 'string' || typeof key === 'number' ? String(key) : place,
      fields: record,
      headers: { [knownHeader]: String(knownMs(batch, row, eventMs, landedMs)), [placeHeader]: place },
      eventMs,
    };
  };
}

/** A null in a table means that there is no value: it is left out, unless the contract tells null from absent. */
function mayBeNull({ nullable, required }: FieldContract): boolean {
  return nullable ?? !required;
}

function knownMs(
  batch: BatchSpec,
  row: Readonly<Record<string, Cell>>,
  eventMs: number | null,
  landedMs: number,
): number {
  if (batch.createdTime !== undefined) return timeMs(row[batch.createdTime]) ?? landedMs;
  return batch.known === 'event' ? (eventMs ?? landedMs) : landedMs;
}
