import { join } from 'node:path';
import { readParquetColumns, type ColumnTable } from '@everloop/storage';

const MINUTE_MS = 60_000;

/** Columns of flights.parquet, sorted by scheduled departure. Durations and delays in minutes, NaN where unknown. */
export interface FlightTable {
  readonly rows: number;
  /** Epoch milliseconds UTC. */
  readonly schedDepMs: Float64Array;
  readonly carrier: readonly string[];
  readonly flight: Float64Array;
  readonly origin: readonly string[];
  readonly dest: readonly string[];
  readonly tailnum: readonly (string | null)[];
  /** Miles. */
  readonly distance: Float64Array;
  readonly schedDuration: Float64Array;
  /** NaN: cancelled. */
  readonly depDelay: Float64Array;
  /** Departure to arrival; NaN: cancelled or diverted. */
  readonly elapsed: Float64Array;
  /** NaN: cancelled or diverted. */
  readonly arrDelay: Float64Array;
  readonly airTime: Float64Array;
}

export const weatherColumns = [
  'temp',
  'dewp',
  'humid',
  'wind_dir',
  'wind_speed',
  'wind_gust',
  'precip',
  'pressure',
  'visib',
] as const;

/** Columns of weather.parquet, sorted by time. Fahrenheit, per cent, degrees, mph, inches, millibars, miles; NaN where unknown. */
export interface WeatherTable {
  readonly rows: number;
  readonly observedMs: Float64Array;
  readonly origin: readonly string[];
  readonly values: Readonly<Record<(typeof weatherColumns)[number], Float64Array>>;
}

/** Columns of aircraft.parquet, sorted by tail number; NaN where the year is unknown. */
export interface AircraftTable {
  readonly rows: number;
  readonly tailnum: readonly string[];
  readonly year: Float64Array;
  readonly type: readonly string[];
  readonly manufacturer: readonly string[];
  readonly model: readonly string[];
  readonly engines: Float64Array;
  readonly seats: Float64Array;
}

/** Everything that happened, as it lies in `examples/flights/data`. */
export interface Tables {
  readonly flights: FlightTable;
  readonly weather: WeatherTable;
  readonly aircraft: AircraftTable;
}

function numberColumn(table: ColumnTable, name: string): Float64Array {
  const column = table.columns.get(name);
  if (column?.type !== 'number') throw new Error(`the data has no number column "${name}": make it again`);
  return column.values;
}

function nullableTextColumn(table: ColumnTable, name: string): readonly (string | null)[] {
  const column = table.columns.get(name);
  if (column?.type !== 'string') throw new Error(`the data has no text column "${name}": make it again`);
  const known = new Map<string, string>();
  return column.values.map((text) => {
    if (text === null) return null;
    const one = known.get(text);
    if (one !== undefined) return one;
    known.set(text, text);
    return text;
  });
}

function textColumn(table: ColumnTable, name: string): readonly string[] {
  return nullableTextColumn(table, name).map((text) => text ?? '');
}

const minutesToMs = (minutes: Float64Array): Float64Array => minutes.map((minute) => minute * MINUTE_MS);

/** Reads the three Parquet files of `folder`; about 100 MB of memory for the year. */
export async function loadTables(folder: string): Promise<Tables> {
  const read = (name: string): Promise<ColumnTable> =>
    readParquetColumns(join(folder, `${name}.parquet`), { memoryLimitMib: 128, threads: 1 });
  const [flights, weather, aircraft] = [await read('flights'), await read('weather'), await read('aircraft')];
  return {
    flights: {
      rows: flights.rows,
      schedDepMs: minutesToMs(numberColumn(flights, 'sched_dep_minute')),
      carrier: textColumn(flights, 'carrier'),
      flight: numberColumn(flights, 'flight'),
      origin: textColumn(flights, 'origin'),
      dest: textColumn(flights, 'dest'),
      tailnum: nullableTextColumn(flights, 'tailnum'),
      distance: numberColumn(flights, 'distance'),
      schedDuration: numberColumn(flights, 'sched_duration'),
      depDelay: numberColumn(flights, 'dep_delay'),
      elapsed: numberColumn(flights, 'elapsed'),
      arrDelay: numberColumn(flights, 'arr_delay'),
      airTime: numberColumn(flights, 'air_time'),
    },
    weather: {
      rows: weather.rows,
      observedMs: minutesToMs(numberColumn(weather, 'observed_minute')),
      origin: textColumn(weather, 'origin'),
      values: Object.fromEntries(
        weatherColumns.map((name) => [name, numberColumn(weather, name)]),
      ) as unknown as WeatherTable['values'],
    },
    aircraft: {
      rows: aircraft.rows,
      tailnum: textColumn(aircraft, 'tailnum'),
      year: numberColumn(aircraft, 'year'),
      type: textColumn(aircraft, 'type'),
      manufacturer: textColumn(aircraft, 'manufacturer'),
      model: textColumn(aircraft, 'model'),
      engines: numberColumn(aircraft, 'engines'),
      seats: numberColumn(aircraft, 'seats'),
    },
  };
}
