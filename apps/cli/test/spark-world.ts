import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseResources, type TypedResource } from '@everloop/contracts';
import type { DuckDb } from '@everloop/storage';

const yaml = `
kind: Source
name: trips
spec:
  topic: trips
  partitions: 2
  key: driver
  eventTime: at
  fields:
    driver: { type: string, required: true }
    fare: { type: number }
    miles: { type: number }
    zone: { type: string }
    at: { type: timestamp, required: true }
---
kind: FeatureView
name: driver_fares
spec:
  source: trips
  entity: driver
  aggregations:
    - { name: trips_2h, function: count, window: 2h }
    - { name: sum_2h, function: sum, column: fare, window: 2h }
    - { name: std_5h, function: std, column: fare, window: 5h }
    - { name: zones_5h, function: approxDistinct, column: zone, window: 5h }
    - { name: last_fares, function: lastK, column: fare, k: 3, window: 2h }
    - { name: last_zones, function: lastK, column: zone, k: 2, window: 5h }
  hop: 30m
  ttl: 1d
---
kind: FeatureView
name: driver_newest
spec: { source: trips, entity: driver, columns: [fare, zone], ttl: 6h }
---
kind: FeatureService
name: fares
spec:
  version: 1
  features: [{ view: driver_fares }, { view: driver_newest }]
  request: [{ name: miles, type: number }]
  onDemand:
    - { name: per_trip, type: number, cel: driver_fares.sum_2h / driver_fares.trips_2h * request.miles }
    - { name: where, type: string, cel: 'driver_newest.zone == null ? "nowhere" : driver_newest.zone + ":" + string(driver_newest.fare)' }
---
kind: Model
name: plain
spec:
  request: [{ name: driver, type: string }]
  joinKey: driver
  examples: { source: trips, time: at }
  views: [{ view: driver_newest, key: request.driver }]
  inputs: [{ name: newest_fare, type: number, from: driver_newest.fare }]
  label: { source: trips, key: driver, field: fare, above: 10, wait: 1d }
  training: { recipe: gbdt, seed: 1, minRows: 100, window: 10d, timeHoldout: 1d, fixedHoldoutPercent: 10, fixedHoldoutSalt: x, timeout: 1m }
  gates: { minRows: 100, minAuc: 0.5, minRecentGain: 0, maxFixedLoss: 0.01, confidence: 0.9 }
---
kind: Model
name: fares
spec:
  request: [{ name: driver, type: string }, { name: miles, type: number }]
  joinKey: driver
  examples: { source: trips, time: at }
  features: { service: fares, version: 1 }
  onDemand: [{ name: dear, type: boolean, cel: driver_newest.fare > 50 || request.miles > 0.9 }]
  views: [{ view: driver_fares, key: request.driver }, { view: driver_newest, key: request.driver }]
  inputs:
    - { name: miles, type: number, from: request.miles }
    - { name: trips_2h, type: number, from: driver_fares.trips_2h }
    - { name: sum_2h, type: number, from: driver_fares.sum_2h }
    - { name: std_5h, type: number, from: driver_fares.std_5h }
    - { name: zones_5h, type: number, from: driver_fares.zones_5h }
    - { name: newest_fare, type: number, from: driver_newest.fare }
    - { name: newest_zone, type: category, from: driver_newest.zone }
    - { name: per_trip, type: number, from: onDemand.per_trip }
    - { name: where, type: category, from: onDemand.where }
    - { name: dear, type: number, from: onDemand.dear }
  label: { source: trips, key: driver, field: fare, above: 10, wait: 1d }
  training: { recipe: gbdt, seed: 1, minRows: 100, window: 10d, timeHoldout: 1d, fixedHoldoutPercent: 10, fixedHoldoutSalt: x, timeout: 1m }
  gates: { minRows: 100, minAuc: 0.5, minRecentGain: 0, maxFixedLoss: 0.01, confidence: 0.9 }
`;

/** A Source with a history on the disk, two partitions of two files and one file that does not count, views and a Model. */
export interface SparkWorld {
  /** Folder of the resources, and the data folder of a feature store. */
  readonly resourcesDir: string;
  readonly dataDir: string;
  readonly resources: readonly TypedResource[];
  /** Files that count. */
  readonly files: readonly string[];
  /** Parquet with 500 rows: driver, miles, time (a timestamp), note. */
  readonly rowsFile: string;
}

const random = (salt: number): string => `(hash(range * 31 + ${salt}) % 1000003) / 1000003.0`;

export async function createSparkWorld(duck: DuckDb, dir: string): Promise<SparkWorld> {
  const resourcesDir = join(dir, 'resources');
  const dataDir = join(dir, 'feature-store');
  mkdirSync(resourcesDir, { recursive: true });
  writeFileSync(join(resourcesDir, 'all.yaml'), yaml);
  await duck.run(
    `CREATE TABLE trips AS SELECT CAST(range % 2 AS INTEGER) AS __partition, range AS __offset, CAST(floor(${random(1)} * 86400000) AS BIGINT) AS __time_ms, ` +
      `__time_ms + CASE WHEN range % 4 = 0 THEN CAST(floor(${random(2)} * 7200000) AS BIGINT) ELSE 0 END AS __known_ms, ` +
      `'d' || CAST(floor(${random(3)} * 40) AS BIGINT) AS driver, CASE WHEN range % 9 = 0 THEN NULL WHEN range % 5 = 0 THEN range % 100 ELSE ${random(4)} * 99.7 END AS fare, ` +
      `${random(9)} AS miles, 'z"é' || chr(31) || CAST(floor(${random(5)} * 30) AS BIGINT) AS zone, __time_ms::DOUBLE AS "at" FROM range(4000)`,
  );
  const files: string[] = [];
  for (const partition of [0, 1]) {
    const folder = join(dataDir, 'offline', 'trips.valid', String(partition));
    const of = (where: string): string =>
      `SELECT * FROM trips WHERE __partition = ${partition} AND ${where} ORDER BY __offset`;
    const names = ['0-1999-00000001.parquet', '2000-3999-00000002.parquet'];
    await duck.copyToParquet(of('__offset < 2000'), join(folder, names[0] ?? ''));
    await duck.copyToParquet(of('__offset >= 2000'), join(folder, names[1] ?? ''));
    await duck.copyToParquet(of('__offset < 999'), join(folder, '0-998-00000003.parquet'));
    files.push(...names.map((name) => join(folder, name)));
    mkdirSync(join(folder, 'manifests'));
    for (const [version, listed] of [
      ['000000000009', names.slice(0, 1)],
      ['000000000010', names],
    ] as const)
      writeFileSync(
        join(folder, 'manifests', `${version}.json`),
        JSON.stringify({ nextOffset: 4_000, files: listed.map((file) => ({ file })) }),
      );
  }
  const rowsFile = join(dir, 'rows.parquet');
  await duck.copyToParquet(
    `SELECT 'd' || CAST(floor(${random(6)} * 44) AS BIGINT) AS driver, ${random(7)} AS miles, make_timestamp(CAST(floor(${random(8)} * 100000000) AS BIGINT) * 1000) AS "time", 'n' || range AS note FROM range(500)`,
    rowsFile,
  );
  const resources = parseResources([{ name: 'all.yaml', text: yaml }]);
  return { resourcesDir, dataDir, resources, files, rowsFile };
}
