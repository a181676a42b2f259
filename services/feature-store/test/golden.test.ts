import { join } from 'node:path';

import { openDuckDb, sqlText, type DuckDb } from '@everloop/storage';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { goldenRows, offlineRows, onlineRows } from './golden-rows.ts';

/*
 * Point-in-time rows that pandas (merge_asof) and Feast (its DuckDB store) computed; golden/make.py says how, golden/versions.json with which
 * versions, golden.conformance.test.ts makes them again. Exact: values are taken, not computed.
 */
const relation = (name: string): string =>
  `read_csv(${sqlText(join(import.meta.dirname, 'golden', `${name}.csv`))}, nullstr = '')`;

let duck: DuckDb;
beforeAll(async () => {
  duck = await openDuckDb({ memoryLimitMib: 256, threads: 1 });
});
afterAll(() => duck.close());

describe('golden point-in-time rows', () => {
  it('have ties, gaps, late events, values that are too old, null, and not there', async () => {
    const statuses = await duck.all(
      `SELECT value_status AS s, count(*) AS n FROM ${relation('bitemporal')} GROUP BY 1 ORDER BY 1`,
    );
    expect(statuses.map(({ s }) => Number(s))).toEqual([1, 2, 3, 4]);
    const [ties] = await duck.all(
      `SELECT count(*) - count(DISTINCT (entity, time_ms)) AS n, count(*) FILTER (known_ms > time_ms) AS late FROM ${relation('events')}`,
    );
    expect(Number(ties?.['n'])).toBeGreaterThan(5);
    expect(Number(ties?.['late'])).toBeGreaterThan(50);
  });

  it.each(['bitemporal', 'latest'] as const)('are what the query over the history answers: %s', async (known) => {
    const input = { events: relation('events'), spine: relation('spine') };
    expect(await offlineRows(duck, input, known)).toEqual(await goldenRows(duck, relation(known)));
  });

  it('are what the online rows answer: what was known', async () => {
    const events = await duck.all(`SELECT * FROM ${relation('events')} ORDER BY part, off`);
    const spine = await duck.all(`SELECT * FROM ${relation('spine')} ORDER BY row`);
    expect(await onlineRows(events, spine)).toEqual(await goldenRows(duck, relation('bitemporal')));
  });

  it("are those of Feast's DuckDB store where all that is known today counts", async () => {
    const columns = 'CAST(row AS INTEGER) AS row, CAST(value AS DOUBLE) AS value, text';
    const rows = (name: string) => duck.all(`SELECT ${columns} FROM ${relation(name)} ORDER BY 1`);
    expect(await rows('feast')).toEqual(await rows('latest'));
  });
});
