/** Wall clocks of time zones: the data gives local clock times, the loop runs on UTC. */

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const DAY_MINUTES = 1_440;

const formats = new Map<string, Intl.DateTimeFormat>();
const offsets = new Map<string, number>();

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  });
  formats.set(zone, made);
  return made;
}

/**
 * Milliseconds to add to UTC to get the zone's wall clock at `utcMs`. Looked up once an hour of each zone: the zones of this data
 * change their offset on whole hours.
 */
export function zoneOffsetMs(zone: string, utcMs: number): number {
  const hourMs = Math.floor(utcMs / HOUR_MS) * HOUR_MS;
  const key = `${zone}@${String(hourMs)}`;
  const known = offsets.get(key);
  if (known !== undefined) return known;
  const parts = Object.fromEntries(
    formatOf(zone)
      .formatToParts(hourMs)
      .map((part) => [part.type, Number(part.value)]),
  );
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0 } = parts;
  const offsetMs = Date.UTC(year, month - 1, day, hour, minute) - hourMs;
  offsets.set(key, offsetMs);
  return offsetMs;
}

/** Wall clock in a zone: date `YYYY-MM-DD`, minute of the day [0, 1439], weekday [0, 6] with 0 = Sunday. */
export interface LocalTime {
  readonly date: string;
  readonly minute: number;
  readonly weekday: number;
}

/** @example localTime('America/New_York', Date.UTC(2013, 0, 1, 10, 15)) // { date: '2013-01-01', minute: 315, weekday: 2 } */
export function localTime(zone: string, utcMs: number): LocalTime {
  const wall = new Date(utcMs + zoneOffsetMs(zone, utcMs));
  return {
    date: wall.toISOString().slice(0, 10),
    minute: wall.getUTCHours() * 60 + wall.getUTCMinutes(),
    weekday: wall.getUTCDay(),
  };
}

/** Minutes of the day of a clock written HHMM; 2400 is midnight. @example clockMinute(830) // 510 */
export function clockMinute(hhmm: number): number {
  return (Math.floor(hhmm / 100) * 60 + (hhmm % 100)) % DAY_MINUTES;
}

/**
 * First instant after `afterMs` (UTC, whole minutes) at which the zone's wall clock shows `minute` of the day. Where the clock skips
 * that minute (start of summer time) the instant that the old offset gives.
 */
export function nextLocalClock(zone: string, afterMs: number, minute: number): number {
  const { minute: now } = localTime(zone, afterMs);
  const ahead = (minute - now + DAY_MINUTES) % DAY_MINUTES || DAY_MINUTES;
  const guessMs = afterMs + ahead * MINUTE_MS;
  const shiftMs = zoneOffsetMs(zone, guessMs) - zoneOffsetMs(zone, afterMs);
  const shifted = guessMs - shiftMs;
  return shifted > afterMs ? shifted : shifted + DAY_MINUTES * MINUTE_MS;
}
