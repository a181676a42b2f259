import type { DuckDb } from '@everloop/storage';
import { dayMs } from './fakes.ts';

const rowsPerDay = 120;

/** The same pseudo-random number for the same arguments. */
function noise(a: number, b: number): number {
  const value = Math.sin(a * 12.9898 + b * 78.233) * 43758.5453;
  return value - Math.floor(value);
}

/** Fills a table `d` with 120 rows a day; until `changeDay` lateness goes with `x`, from then on against it. */
export async function createSyntheticTable(database: DuckDb, days: number, changeDay: number): Promise<void> {
  await database.run(
    'CREATE TABLE d (carrier VARCHAR, x DOUBLE, y DOUBLE, __join_key VARCHAR, __time_ms BIGINT, __label DOUBLE)',
  );
  const rows = Array.from({ length: days * rowsPerDay }, (_, row) => {
    const x = noise(row, 1) * 4 - 2;
    const carrier = row % 17 === 0 ? null : `C${row % 5}`;
    const z = (Math.floor(row / rowsPerDay) < changeDay ? x : -x) * 1.5 + (row % 5 === 0 ? 1 : -0.3);
    const label = noise(row, 2) < 1 / (1 + Math.exp(-z)) ? 1 : 0;
    const timeMs = BigInt(Math.floor((row * dayMs) / rowsPerDay));
    return [carrier, row % 13 === 0 ? null : x, noise(row, 3), `k${row}`, timeMs, label] as const;
  });
  await database.insertRows('d', rows);
}

/** Writes the rows of a range of time as a training set. */
export async function freeze(database: DuckDb, path: string, fromMs: number, untilMs: number): Promise<void> {
  const range = `__time_ms >= ${fromMs} AND __time_ms < ${untilMs}`;
  await database.copyToParquet(`SELECT * FROM d WHERE ${range} ORDER BY __time_ms`, path);
}
