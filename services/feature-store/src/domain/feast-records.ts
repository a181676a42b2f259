import type { SourceSpec } from '@everloop/contracts';

/** Columns of values, as a Feast client sends a data frame. */
export type DataFrame = ReadonlyMap<string, readonly unknown[]>;

/** Columns in which Feast clients send the times of a row, whatever the Source calls them. */
const eventColumn = 'event_timestamp';
const createdColumns = ['created', 'created_timestamp'];

/** Number of rows; null when the columns are not all as long. */
export function rowsOf(frame: DataFrame): number | null {
  const lengths = new Set([...frame.values()].map((values) => values.length));
  if (lengths.size > 1) return null;
  return [...lengths][0] ?? 0;
}

/** Field of the Source in which a column belongs; null: nowhere. */
function fieldOf(column: string, source: SourceSpec): string | null {
  if (source.fields[column] !== undefined) return column;
  if (column === eventColumn) return source.eventTime;
  if (createdColumns.includes(column)) return source.createdTime ?? null;
  // What else is in the frame is the contract's business (`unexpected`).
  return column;
}

/**
 * Time as the contract wants it: pandas writes times without a zone, which are UTC, with a space or a T; numbers are seconds, as everywhere
 * in Feast.
 *
 * @example instant('2022-05-13 10:59:42') === '2022-05-13T10:59:42Z'
 * @example instant(1652439582) === 1652439582000
 */
export function instant(value: unknown): unknown {
  if (typeof value === 'number') return Math.round(value * 1_000);
  if (typeof value !== 'string') return value;
  const match = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(:\d{2}(?:\.\d{1,9})?)?)?(Z|[+-]\d{2}:?\d{2})?$/.exec(
    value.trim(),
  );
  if (match === null) return value;
  const [, date = '', minute = '00:00', second = ':00', zone = 'Z'] = match;
  return `${date}T${minute}${second}${zone.replace(/^([+-]\d{2})(\d{2})$/, '$1:$2')}`;
}

/** The rows of a frame as records of a Source, each JSON; what is null or NaN is left out. O(cells). */
export function recordsOf(frame: DataFrame, source: SourceSpec): string[] {
  const columns = [...frame].flatMap(([column, values]) => {
    const field = fieldOf(column, source);
    return field === null ? [] : [{ field, values, isTime: source.fields[field]?.type === 'timestamp' }];
  });
  return Array.from({ length: rowsOf(frame) ?? 0 }, (_, row) => {
    const record: Record<string, unknown> = {};
    for (const { field, values, isTime } of columns) {
      const value = values[row];
      if (value === null || value === undefined || value === 'NaN') continue;
      record[field] = isTime ? instant(value) : value;
    }
    return JSON.stringify(record);
  });
}
