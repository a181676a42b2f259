/** The records of the five source topics. Field names and types are the contract in resources/*.yaml. */
import { arrivedMs, announcedBeforeMs, departedMs, orNull, scheduleOf } from '../data/flights.ts';
import { weatherColumns, type Tables } from '../data/tables.ts';

export const sourceTopics = [
  'aircraft.registered',
  'flights.scheduled',
  'weather.observed',
  'flights.departed',
  'flights.arrived',
] as const;

export type SourceTopic = (typeof sourceTopics)[number];

/** One thing that happened. `eventTimeMs` is epoch milliseconds UTC. */
export interface FlightEvent {
  readonly topic: SourceTopic;
  readonly key: string;
  readonly eventTimeMs: number;
  readonly data: Readonly<Record<string, string | number | null>>;
}

/** The aircraft are known a day before the year begins. */
export const aircraftKnownMs = Date.UTC(2012, 11, 31);

function scheduled({ flights }: Tables, row: number): FlightEvent {
  const s = scheduleOf(flights, row);
  const publishedMs = s.schedDepMs - announcedBeforeMs;
  return {
    topic: 'flights.scheduled',
    key: s.flightId,
    eventTimeMs: publishedMs,
    data: {
      flight_id: s.flightId,
      carrier: s.carrier,
      flight: s.flight,
      origin: s.origin,
      dest: s.dest,
      tailnum: s.tailnum,
      distance: s.distance,
      sched_dep: s.schedDepMs,
      sched_minute: s.schedMinute,
      weekday: s.weekday,
      sched_duration: s.schedDuration,
      published_at: publishedMs,
    },
  };
}

function departed({ flights }: Tables, row: number): FlightEvent {
  const s = scheduleOf(flights, row);
  const eventTimeMs = departedMs(flights, row);
  return {
    topic: 'flights.departed',
    key: s.flightId,
    eventTimeMs,
    data: {
      flight_id: s.flightId,
      carrier: s.carrier,
      origin: s.origin,
      dest: s.dest,
      tailnum: s.tailnum,
      dep_delay: orNull(flights.depDelay, row),
      departed_at: eventTimeMs,
    },
  };
}

function arrived({ flights }: Tables, row: number): FlightEvent {
  const s = scheduleOf(flights, row);
  const eventTimeMs = arrivedMs(flights, row);
  return {
    topic: 'flights.arrived',
    key: s.flightId,
    eventTimeMs,
    data: {
      flight_id: s.flightId,
      carrier: s.carrier,
      origin: s.origin,
      dest: s.dest,
      tailnum: s.tailnum,
      arr_delay: orNull(flights.arrDelay, row),
      air_time: orNull(flights.airTime, row),
      arrived_at: eventTimeMs,
    },
  };
}

function observed({ weather }: Tables, row: number): FlightEvent {
  const origin = weather.origin[row] ?? '';
  const eventTimeMs = weather.observedMs[row] ?? Number.NaN;
  const data: Record<string, string | number | null> = { origin };
  for (const name of weatherColumns) data[name] = orNull(weather.values[name], row);
  data['observed_at'] = eventTimeMs;
  return { topic: 'weather.observed', key: origin, eventTimeMs, data };
}

function registered({ aircraft }: Tables, row: number): FlightEvent {
  const tailnum = aircraft.tailnum[row] ?? '';
  return {
    topic: 'aircraft.registered',
    key: tailnum,
    eventTimeMs: aircraftKnownMs,
    data: {
      tailnum,
      year: orNull(aircraft.year, row),
      type: aircraft.type[row] ?? '',
      manufacturer: aircraft.manufacturer[row] ?? '',
      model: aircraft.model[row] ?? '',
      engines: orNull(aircraft.engines, row),
      seats: orNull(aircraft.seats, row),
      registered_at: aircraftKnownMs,
    },
  };
}

/** How many rows a topic has, when row `row` happened, and its record. */
export interface EventKind {
  readonly topic: SourceTopic;
  rows(tables: Tables): number;
  timeMs(tables: Tables, row: number): number;
  event(tables: Tables, row: number): FlightEvent;
}

export const eventKinds: readonly EventKind[] = [
  { topic: 'aircraft.registered', rows: (t) => t.aircraft.rows, timeMs: () => aircraftKnownMs, event: registered },
  {
    topic: 'flights.scheduled',
    rows: (t) => t.flights.rows,
    timeMs: (t, row) => (t.flights.schedDepMs[row] ?? Number.NaN) - announcedBeforeMs,
    event: scheduled,
  },
  {
    topic: 'weather.observed',
    rows: (t) => t.weather.rows,
    timeMs: (t, row) => t.weather.observedMs[row] ?? Number.NaN,
    event: observed,
  },
  {
    topic: 'flights.departed',
    rows: (t) => t.flights.rows,
    timeMs: (t, row) => departedMs(t.flights, row),
    event: departed,
  },
  {
    topic: 'flights.arrived',
    rows: (t) => t.flights.rows,
    timeMs: (t, row) => arrivedMs(t.flights, row),
    event: arrived,
  },
];
