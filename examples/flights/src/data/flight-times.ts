/** From the clock times of one flight to durations in minutes. */
import { clockMinute, nextLocalClock } from './local-time.ts';

const MINUTE_MS = 60_000;

/** What the CSV says about one flight; null where it says NA. Clock times are HHMM local, delays and air time minutes. */
export interface RawFlight {
  readonly schedDepMs: number;
  readonly schedArrTime: number;
  readonly depDelay: number | null;
  readonly arrTime: number | null;
  readonly arrDelay: number | null;
  readonly airTime: number | null;
  /** Miles. */
  readonly distance: number;
  /** IANA zone of the destination. */
  readonly zone: string;
}

export interface FlightTimes {
  /** Scheduled arrival minus scheduled departure, minutes. */
  readonly schedDuration: number;
  /** The clock times gave an impossible duration and the distance decided. */
  readonly estimated: boolean;
  /** Arrival minus departure, minutes; null when cancelled or diverted. */
  readonly elapsed: number | null;
}

/**
 * Minutes from gate to gate that a flight of `miles` takes, by a line through the year's flights: taxi, climb and descent about 50
 * minutes, then about 450 miles an hour.
 */
export function typicalDuration(miles: number): number {
  return Math.round(50 + (miles / 450) * 60);
}

/** A gate-to-gate time that no flight of this distance can have: under half or over twice and an hour of the typical one. */
function isAbsurd(minutes: number, miles: number): boolean {
  const typical = typicalDuration(miles);
  return minutes < typical / 2 || minutes > typical * 2 + 60;
}

/** Durations of one flight; arrival is the first instant after departure at which the destination's clock shows the time given. */
export function flightTimes(flight: RawFlight): FlightTimes {
  const schedArrMs = nextLocalClock(flight.zone, flight.schedDepMs, clockMinute(flight.schedArrTime));
  const read = (schedArrMs - flight.schedDepMs) / MINUTE_MS;
  const tooShort = flight.airTime !== null && read < flight.airTime / 2;
  const estimated = tooShort || isAbsurd(read, flight.distance);
  const schedDuration = estimated ? typicalDuration(flight.distance) : read;
  if (flight.depDelay === null || flight.arrTime === null || flight.arrDelay === null) {
    return { schedDuration, estimated, elapsed: null };
  }
  const departedMs = flight.schedDepMs + flight.depDelay * MINUTE_MS;
  const arrivedMs = nextLocalClock(flight.zone, departedMs, clockMinute(flight.arrTime));
  return { schedDuration, estimated, elapsed: (arrivedMs - departedMs) / MINUTE_MS };
}
