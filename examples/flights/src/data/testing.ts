import { weatherColumns, type Tables } from './tables.ts';

/** One flight of a small table; minutes, NaN where unknown. */
export interface FlightRow {
  readonly schedDepMs: number;
  readonly flight: number;
  readonly depDelay: number;
  readonly elapsed: number;
  readonly arrDelay: number;
}

const column = (rows: number, value: (row: number) => number): Float64Array =>
  Float64Array.from({ length: rows }, (_, row) => value(row));
const constant = (rows: number, text: string): string[] => Array.from({ length: rows }, () => text);

/** Tables of UA flights from EWR to IAH (scheduled: 244 minutes), one weather observation an hour at EWR, one aircraft. */
export function smallTables(flights: readonly FlightRow[], weatherMs: readonly number[] = []): Tables {
  const rows = flights.length;
  const of = (read: (flight: FlightRow) => number): Float64Array =>
    column(rows, (row) => {
      const flight = flights[row];
      return flight === undefined ? Number.NaN : read(flight);
    });
  return {
    flights: {
      rows,
      schedDepMs: of((f) => f.schedDepMs),
      carrier: constant(rows, 'UA'),
      flight: of((f) => f.flight),
      origin: constant(rows, 'EWR'),
      dest: constant(rows, 'IAH'),
      tailnum: constant(rows, 'N14228'),
      distance: column(rows, () => 1400),
      schedDuration: column(rows, () => 244),
      depDelay: of((f) => f.depDelay),
      elapsed: of((f) => f.elapsed),
      arrDelay: of((f) => f.arrDelay),
      airTime: column(rows, () => Number.NaN),
    },
    weather: {
      rows: weatherMs.length,
      observedMs: Float64Array.from(weatherMs),
      origin: constant(weatherMs.length, 'EWR'),
      values: Object.fromEntries(
        weatherColumns.map((name) => [name, column(weatherMs.length, () => Number.NaN)]),
      ) as unknown as Tables['weather']['values'],
    },
    aircraft: {
      rows: 1,
      tailnum: ['N14228'],
      year: Float64Array.of(1999),
      type: ['Fixed wing multi engine'],
      manufacturer: ['BOEING'],
      model: ['737-824'],
      engines: Float64Array.of(2),
      seats: Float64Array.of(149),
    },
  };
}
