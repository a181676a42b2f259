/** What follows from one row of the flight table. */
import { localTime } from './local-time.ts';
import type { FlightTable } from './tables.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const originZone = 'America/New_York';

/** When a flight is announced, before its scheduled departure. */
export const announcedBeforeMs = 2 * HOUR_MS;
/** When an application wants to know, before the scheduled departure. */
export const askedBeforeMs = HOUR_MS;

function at(values: Float64Array, row: number): number {
  return values[row] ?? Number.NaN;
}

/** A value that JSON can carry: null where the column has NaN. */
export function orNull(values: Float64Array, row: number): number | null {
  const value = at(values, row);
  return Number.isNaN(value) ? null : value;
}

/** The schedule of a flight, as it is announced and as it is asked about. */
export interface Schedule {
  /** `<local date>.<carrier>.<flight>.<origin>`, unique in the year. */
  readonly flightId: string;
  readonly carrier: string;
  readonly flight: number;
  readonly origin: string;
  readonly dest: string;
  readonly tailnum: string | null;
  /** Miles. */
  readonly distance: number;
  /** Epoch milliseconds UTC. */
  readonly schedDepMs: number;
  /** Minute of the local day, [0, 1439]. */
  readonly schedMinute: number;
  /** [0, 6], 0 = Sunday, of the local day. */
  readonly weekday: number;
  /** Minutes. */
  readonly schedDuration: number;
}

export function scheduleOf(flights: FlightTable, row: number): Schedule {
  const schedDepMs = at(flights.schedDepMs, row);
  const local = localTime(originZone, schedDepMs);
  const carrier = flights.carrier[row] ?? '';
  const origin = flights.origin[row] ?? '';
  const flight = at(flights.flight, row);
  return {
    flightId: `${local.date}.${carrier}.${String(flight)}.${origin}`,
    carrier,
    flight,
    origin,
    dest: flights.dest[row] ?? '',
    tailnum: flights.tailnum[row] ?? null,
    distance: at(flights.distance, row),
    schedDepMs,
    schedMinute: local.minute,
    weekday: local.weekday,
    schedDuration: at(flights.schedDuration, row),
  };
}

/** Departure, epoch milliseconds UTC; the scheduled one where the flight was cancelled. */
export function departedMs(flights: FlightTable, row: number): number {
  return at(flights.schedDepMs, row) + (orNull(flights.depDelay, row) ?? 0) * MINUTE_MS;
}

/** Arrival, epoch milliseconds UTC; after the scheduled duration where the flight was cancelled or diverted. */
export function arrivedMs(flights: FlightTable, row: number): number {
  const minutes = orNull(flights.elapsed, row) ?? at(flights.schedDuration, row);
  return departedMs(flights, row) + minutes * MINUTE_MS;
}
