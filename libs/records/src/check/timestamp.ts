/** RFC 3339, section 5.6: date, time, optional fraction, offset. */
const rfc3339 = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;
/** Largest distance from 1970 that a Date can hold, milliseconds (ECMAScript, section 21.4.1.1). */
const timeMsMax = 8.64e15;

/**
 * Epoch milliseconds of an RFC 3339 text or of a whole number that already is epoch milliseconds; null for anything else. A day that
 * its month does not have is no time, though `Date.parse` would take it.
 *
 * @example parseTimestamp('2013-01-01T05:00:00-05:00') // 1357034400000
 */
export function parseTimestamp(value: unknown): number | null {
  if (typeof value === 'number') return Number.isSafeInteger(value) && Math.abs(value) <= timeMsMax ? value : null;
  if (typeof value !== 'string') return null;
  const match = rfc3339.exec(value);
  if (match === null || !dayExists(Number(match[1]), Number(match[2]), Number(match[3]))) return null;
  const ms = Date.parse(value.toUpperCase());
  return Number.isNaN(ms) ? null : ms;
}

function dayExists(year: number, month: number, day: number): boolean {
  if (month < 1 || month > 12 || day < 1) return false;
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const days = month === 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;
  return day <= days;
}
