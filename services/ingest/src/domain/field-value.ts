import type { FieldType } from '@everloop/contracts';

/** A value of a row as a connector gives it: text as printed by the store, or what its format has. */
export type Cell = string | number | bigint | boolean | null;

const numeral = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;
/** ISO 8601 as databases print it: a date alone, or with a time, with or without a zone (`+00`, `+01:30`, `Z`). */
const sqlTime = /^(\d{4}-\d{2}-\d{2})(?:[ Tt](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)\s*([Zz]|[+-]\d{2}(?::?\d{2})?)?)?$/;

/**
 * A cell as the JSON value of a field. What does not fit the type is left as it is: the validator then says so, with the value.
 * Times without a zone are UTC.
 */
export function fieldValue(type: FieldType, cell: Cell): unknown {
  if (cell === null) return null;
  switch (type) {
    case 'string':
    case 'decimal':
      return typeof cell === 'string' ? cell : String(cell);
    case 'number':
    case 'integer':
      return numberOf(cell);
    case 'boolean':
      return booleanOf(cell);
    case 'timestamp':
      return timeOf(cell);
    case 'object':
    case 'array':
      return jsonOf(cell);
  }
}

function numberOf(cell: Exclude<Cell, null>): unknown {
  if (typeof cell === 'bigint') return Number.isSafeInteger(Number(cell)) ? Number(cell) : String(cell);
  if (typeof cell === 'number') return Number.isFinite(cell) ? cell : String(cell);
  if (typeof cell === 'boolean' || !numeral.test(cell.trim())) return cell;
  const value = Number(cell);
  // More digits than a double holds would be another number.
  return /^[+-]?\d+$/.test(cell.trim()) && !Number.isSafeInteger(value) ? cell : value;
}

function booleanOf(cell: Exclude<Cell, null>): unknown {
  if (typeof cell !== 'string') return typeof cell === 'bigint' ? String(cell) : cell;
  const text = cell.trim().toLowerCase();
  if (text === 'true' || text === 't') return true;
  return text === 'false' || text === 'f' ? false : cell;
}

function timeOf(cell: Exclude<Cell, null>): unknown {
  if (typeof cell === 'bigint') return numberOf(cell);
  if (typeof cell !== 'string') return cell;
  const text = cell.trim();
  if (/^-?\d{5,}$/.test(text)) return numberOf(text);
  const [, date, time, zone] = sqlTime.exec(text) ?? [];
  if (date === undefined) return cell;
  return `${date}T${withSeconds(time)}${zone === undefined ? 'Z' : fullZone(zone)}`;
}

function withSeconds(time: string | undefined): string {
  if (time === undefined) return '00:00:00';
  return time.length === 5 ? `${time}:00` : time;
}

function fullZone(zone: string): string {
  if (/^z$/i.test(zone)) return 'Z';
  const digits = zone.slice(1).replace(':', '');
  return `${zone.slice(0, 1)}${digits.slice(0, 2)}:${digits.slice(2) || '00'}`;
}

function jsonOf(cell: Exclude<Cell, null>): unknown {
  if (typeof cell !== 'string') return typeof cell === 'bigint' ? String(cell) : cell;
  try {
    return JSON.parse(cell) as unknown;
  } catch {
    return cell;
  }
}

/** Epoch milliseconds of a cell or of a field's value, null if it is no time. */
export function timeMs(cell: unknown): number | null {
  if (typeof cell === 'number') return Number.isSafeInteger(cell) ? cell : null;
  if (typeof cell === 'bigint') return timeMs(Number(cell));
  if (typeof cell !== 'string') return null;
  const value = timeOf(cell);
  if (typeof value === 'number') return timeMs(value);
  const ms = typeof value === 'string' && sqlTime.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? null : ms;
}
