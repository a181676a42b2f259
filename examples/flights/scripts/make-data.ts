/**
 * Makes data/*.parquet from a folder with flights.csv.gz, weather.csv.gz, planes.csv and airports.csv:
 * `node examples/flights/scripts/make-data.ts <folder>`. The same input gives the same rows.
 */
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { openDuckDb, sqlText, type Column, type ColumnTable, type DuckDb, type DuckValue } from '@everloop/storage';
import { flightTimes } from '../src/data/flight-times.ts';
import { clockMinute, localTime } from '../src/data/local-time.ts';

const MINUTE_MS = 60_000;
const originZone = 'America/New_York';
/** Airports that airports.csv does not know. */
const missingZones: Readonly<Record<string, string>> = {
  BQN: 'America/Puerto_Rico',
  PSE: 'America/Puerto_Rico',
  SJU: 'America/Puerto_Rico',
  STT: 'America/St_Thomas',
};
const dataFolder = join(import.meta.dirname, '..', 'data');

function column(table: ColumnTable, name: string): Column {
  const found = table.columns.get(name);
  if (found === undefined) throw new Error(`column ${name} is missing from the CSV`);
  return found;
}

function numbers(table: ColumnTable, name: string): (row: number) => number | null {
  const found = column(table, name);
  if (found.type !== 'number') throw new Error(`column ${name} is not a number`);
  return (row) => {
    const value = found.values[row];
    return value === undefined || Number.isNaN(value) ? null : value;
  };
}

function texts(table: ColumnTable, name: string): (row: number) => string | null {
  const found = column(table, name);
  if (found.type !== 'string') throw new Error(`column ${name} is not text`);
  return (row) => found.values[row] ?? null;
}

/** Value of a column that is never NA. */
function need<T>(value: T | null, name: string, row: number): T {
  if (value === null) throw new Error(`${name} is NA in row ${String(row)}`);
  return value;
}

async function readZones(db: DuckDb, source: string): Promise<ReadonlyMap<string, string>> {
  const path = sqlText(join(source, 'airports.csv'));
  const rows = await db.all(`SELECT faa, tzone FROM read_csv(${path}, nullstr = 'NA') WHERE tzone IS NOT NULL`);
  const known = rows.map((row): [string, string] => [String(row['faa']), String(row['tzone'])]);
  return new Map([...known, ...Object.entries(missingZones)]);
}

/** Rows of the table `flight`, and how many schedules had to be estimated. */
function flightRows(
  table: ColumnTable,
  zones: ReadonlyMap<string, string>,
): { rows: DuckValue[][]; estimated: number } {
  const number = (name: string): ((row: number) => number | null) => numbers(table, name);
  const [hourUtc, minute, year, month, day] = ['hour_utc', 'minute', 'year', 'month', 'day'].map(number);
  const [schedDepTime, schedArrTime, depDelay] = ['sched_dep_time', 'sched_arr_time', 'dep_delay'].map(number);
  const [arrTime, arrDelay, airTime, distance] = ['arr_time', 'arr_delay', 'air_time', 'distance'].map(number);
  const flight = number('flight');
  const [carrier, tailnum, origin, dest] = ['carrier', 'tailnum', 'origin', 'dest'].map((name) => texts(table, name));
  const at = <T>(read: ((row: number) => T | null) | undefined, row: number): T | null => read?.(row) ?? null;
  const rows: DuckValue[][] = [];
  let estimated = 0;
  for (let row = 0; row < table.rows; row++) {
    const schedDepMs = need(at(hourUtc, row), 'time_hour', row) + need(at(minute, row), 'minute', row) * MINUTE_MS;
    const pad = (value: number | null): string => String(value).padStart(2, '0');
    const date = `${String(at(year, row))}-${pad(at(month, row))}-${pad(at(day, row))}`;
    const local = localTime(originZone, schedDepMs);
    if (local.date !== date || local.minute !== clockMinute(need(at(schedDepTime, row), 'sched_dep_time', row))) {
      throw new Error(`row ${String(row)}: time_hour and the local schedule disagree`);
    }
    const destination = need(at(dest, row), 'dest', row);
    const zone = zones.get(destination);
    if (zone === undefined) throw new Error(`no time zone for the airport ${destination}`);
    const miles = need(at(distance, row), 'distance', row);
    const times = flightTimes({
      schedDepMs,
      schedArrTime: need(at(schedArrTime, row), 'sched_arr_time', row),
      depDelay: at(depDelay, row),
      arrTime: at(arrTime, row),
      arrDelay: at(arrDelay, row),
      airTime: at(airTime, row),
      distance: miles,
      zone,
    });
    if (times.estimated) estimated++;
    rows.push([
      schedDepMs / MINUTE_MS,
      at(carrier, row),
      at(flight, row),
      at(origin, row),
      destination,
      at(tailnum, row),
      miles,
      times.schedDuration,
      at(depDelay, row),
      times.elapsed,
      at(arrDelay, row),
      at(airTime, row),
    ]);
  }
  return { rows, estimated };
}

async function makeFlights(db: DuckDb, source: string): Promise<void> {
  const path = sqlText(join(source, 'flights.csv.gz'));
  const table = await db.columns(
    `SELECT * EXCLUDE (time_hour), epoch_ms(time_hour) AS hour_utc FROM read_csv(${path}, nullstr = 'NA')`,
  );
  const { rows, estimated } = flightRows(table, await readZones(db, source));
  await db.run(`CREATE TABLE flight (sched_dep_minute INTEGER, carrier VARCHAR, flight SMALLINT, origin VARCHAR,
    dest VARCHAR, tailnum VARCHAR, distance SMALLINT, sched_duration SMALLINT, dep_delay SMALLINT, elapsed SMALLINT,
    arr_delay SMALLINT, air_time SMALLINT)`);
  await db.insertRows('flight', rows);
  const order = 'sched_dep_minute, carrier, flight, origin';
  await db.copyToParquet(`SELECT * FROM flight ORDER BY ${order}`, join(dataFolder, 'flights.parquet'));
  const [odd] = await db.all(`SELECT count(*) AS n FROM flight
    WHERE elapsed IS NOT NULL AND elapsed + dep_delay <> sched_duration + arr_delay`);
  console.log(`flights: ${String(rows.length)} rows; ${String(estimated)} scheduled durations from the distance;`);
  console.log(`${String(odd?.['n'])} rows where arrival and arrival delay disagree`);
}

async function makeWeather(db: DuckDb, source: string): Promise<void> {
  const columns = 'temp, dewp, humid, wind_dir, wind_speed, wind_gust, precip, pressure, visib';
  await db.copyToParquet(
    `SELECT (epoch_ms(time_hour) // ${String(MINUTE_MS)})::INTEGER AS observed_minute, origin, ${columns}
    FROM read_csv(${sqlText(join(source, 'weather.csv.gz'))}, nullstr = 'NA') ORDER BY observed_minute, origin`,
    join(dataFolder, 'weather.parquet'),
  );
}

async function makeAircraft(db: DuckDb, source: string): Promise<void> {
  await db.copyToParquet(
    `SELECT tailnum, year::SMALLINT AS year, type, manufacturer, model, engines::SMALLINT AS engines,
      seats::SMALLINT AS seats FROM read_csv(${sqlText(join(source, 'planes.csv'))}, nullstr = 'NA') ORDER BY tailnum`,
    join(dataFolder, 'aircraft.parquet'),
  );
}

const argument = process.argv[2];
if (argument === undefined) {
  console.error('usage: node examples/flights/scripts/make-data.ts <folder with the CSV files>');
  process.exit(2);
}
const source = resolve(argument);
const db = await openDuckDb({ memoryLimitMib: 1024 });
await makeFlights(db, source);
await makeWeather(db, source);
await makeAircraft(db, source);
db.close();
for (const name of ['flights', 'weather', 'aircraft']) {
  const bytes = statSync(join(dataFolder, `${name}.parquet`)).size;
  console.log(`${name}.parquet: ${(bytes / 1e6).toFixed(2)} MB`);
}
