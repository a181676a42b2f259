import path from 'node:path';
import { keyPartition } from '@everloop/features';
import { sqlText, type DuckDb } from '@everloop/storage';
import { partitions, rideRecords } from './rides.ts';

const columns = ['ride', 'driver', 'zone', 'fare', 'at', 'created'];

/** The rides that a table can hold: JSON objects with no other columns and no text where a number belongs. */
function* rows(count: number, seed: number): Generator<readonly (string | number | bigint | null)[]> {
  for (const { value } of rideRecords(count, seed)) {
    let ride: Record<string, unknown> | null;
    try {
      ride = JSON.parse(String(value)) as Record<string, unknown> | null;
    } catch {
      continue;
    }
    if (ride === null || Array.isArray(ride) || typeof ride['fare'] === 'string') continue;
    if (Object.keys(ride).some((name) => !columns.includes(name))) continue;
    const time = (name: string): bigint | null => (typeof ride[name] === 'number' ? BigInt(ride[name]) : null);
    const text = (name: string): string | null => (typeof ride[name] === 'string' ? ride[name] : null);
    const fare = typeof ride['fare'] === 'number' ? ride['fare'] : null;
    yield [text('ride'), text('driver'), text('zone'), fare, time('at'), time('created')];
  }
}

/** Writes rides as `files` Parquet files into a folder, in order, and returns how many there are. */
export async function writeRideFiles(
  duck: DuckDb,
  folder: string,
  options: { readonly count: number; readonly seed: number; readonly files: number },
): Promise<number> {
  const { count, seed, files } = options;
  const all = [...rows(count, seed)].map((row, number) => [number, ...row]);
  await duck.run(
    'CREATE TABLE written (n INTEGER, ride VARCHAR, driver VARCHAR, zone VARCHAR, fare DOUBLE, happened BIGINT, made BIGINT)',
  );
  await duck.insertRows('written', all);
  const each = Math.ceil(all.length / files);
  for (let file = 0; file < files; file++) {
    await duck.copyToParquet(
      `SELECT ride, driver, zone, fare, make_timestamp(happened * 1000) AS "at", make_timestamp(made * 1000) AS created
       FROM written WHERE n >= ${file * each} AND n < ${(file + 1) * each} ORDER BY n`,
      path.join(folder, `rides-${String(file).padStart(3, '0')}.parquet`),
    );
  }
  await duck.run('DROP TABLE written');
  return all.length;
}

/** Reads the files, and nothing else, into the table `raw` as a topic would hold them: in the order of the files, by the partition of the driver. */
export async function loadRideFiles(duck: DuckDb, folder: string): Promise<void> {
  const from = `read_parquet(${sqlText(path.join(folder, '*.parquet'))}, filename = true, file_row_number = true)`;
  const drivers = await duck.all(`SELECT DISTINCT driver FROM ${from}`);
  await duck.run('CREATE TABLE places (driver VARCHAR, p INTEGER)');
  await duck.insertRows(
    'places',
    drivers.map(({ driver }) => (typeof driver === 'string' ? [driver, keyPartition(driver, partitions)] : [null, 0])),
  );
  await duck.run(`
    CREATE TABLE raw AS
    SELECT p, row_number() OVER (ORDER BY filename, file_row_number) AS o,
           CAST(to_json({ ride: ride, driver: f.driver, zone: zone, fare: fare, 'at': epoch_ms("at"), created: epoch_ms(created) }) AS VARCHAR) AS v
    FROM ${from} f JOIN places ON places.driver IS NOT DISTINCT FROM f.driver`);
}
