import { features } from '@everloop/contracts';
import fc from 'fast-check';
import { expect, it, vi } from 'vitest';

import {
  compileFromCatalog,
  lookupBatch,
  lookupMany,
  planLookup,
  rowKeys,
  statusCode,
  type BatchAnswer,
  type Mget,
} from '../src/index.ts';
import { aggregations, materialise, modelSpec, sensorSource, viewSpec, type LogRecord } from './fixtures.ts';

const catalog = {
  sources: new Map([['sensors', sensorSource]]),
  views: new Map([
    ['newest', viewSpec({ columns: ['level', 'place', 'reading_id'], ttlMs: 200 })],
    ['sums', viewSpec({ aggregations: aggregations(35), ttlMs: 100 })],
    ['there', viewSpec({ entity: 'reading_id', columns: ['sensor', 'at'] })],
  ]),
};
const plan = planLookup(
  modelSpec({
    request: [
      { name: 'sensor', type: 'string' },
      { name: 'size', type: 'number' },
    ],
    views: [
      { view: 'newest', key: 'request.sensor' },
      { view: 'sums', key: 'request.sensor' },
      { view: 'there', key: 'newest.reading_id' },
    ],
    inputs: [
      { name: 'size', type: 'number', from: 'request.size' },
      { name: 'sensor', type: 'category', from: 'request.sensor' },
      { name: 'level', type: 'number', from: 'newest.level' },
      { name: 'place', type: 'category', from: 'newest.place' },
      { name: 'events', type: 'number', from: 'sums.events' },
      { name: 'average', type: 'number', from: 'sums.average' },
      { name: 'seen', type: 'number', from: 'there.at' },
      { name: 'ratio', type: 'number', from: 'onDemand.ratio' },
      { name: 'label', type: 'category', from: 'onDemand.label' },
    ],
    onDemand: [
      { name: 'ratio', type: 'number', cel: 'newest.level / (sums.events - 1) + request.size', description: '' },
      { name: 'label', type: 'string', cel: 'newest.place == null ? request.sensor : newest.place', description: '' },
    ],
  }),
  catalog,
);

interface Fact extends LogRecord {
  readonly reading_id: string;
}

/** Everything that the records say, as the online store has it. */
function storeOf(records: readonly Fact[]): Mget {
  const stored = new Map<string, Buffer | null>();
  for (const sensor of new Set(records.map((record) => record.sensor))) {
    for (const name of ['newest', 'sums']) {
      const view = compileFromCatalog(name, catalog);
      const rows = materialise(view, records, sensor, 3);
      rowKeys(view, sensor).forEach((key, index) => stored.set(key, rows[index] ?? null));
    }
  }
  for (const record of records) {
    const view = compileFromCatalog('there', catalog);
    const rows = materialise(view, [record], record.sensor, 3).filter((row) => row !== null);
    for (const key of rowKeys(view, record.reading_id)) stored.set(key, rows[0] ?? null);
  }
  return async (keys) => keys.map((key) => stored.get(key) ?? null);
}

/** One row of an answer, as `lookupMany` says it. */
function rowOf(answer: BatchAnswer, row: number): { values: unknown[]; statuses: string[] } {
  return {
    values: answer.columns.map(({ numbers, texts, statuses }) => {
      const value = numbers === null ? texts?.[row] : numbers[row];
      if (statuses[row] !== statusCode.present) {
        expect(value).toSatisfy((empty) => empty === null || Number.isNaN(empty));
        return null;
      }
      return value;
    }),
    statuses: answer.columns.map(({ statuses }) => features.featureStatusFromJSON(statuses[row])),
  };
}

const facts = fc
  .array(
    fc.record({
      partition: fc.integer({ min: 0, max: 2 }),
      sensor: fc.constantFrom('a', 'b', 'c'),
      at: fc.integer({ min: 0, max: 400 }),
      level: fc.option(fc.integer({ min: -50, max: 50 }).map((units) => units / 8)),
      place: fc.option(fc.constantFrom('', 'hall', 'Grüße 世界')),
    }),
    { maxLength: 25 },
  )
  .map((made): Fact[] => made.map((record, offset) => ({ ...record, offset, reading_id: `r${offset}` })));

it('says the same as a look-up row by row, for every status, text and number', async () => {
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(facts, fc.integer({ min: 0, max: 700 }), async (records, asOfMs) => {
      const mget = storeOf(records);
      const sensors = ['a', 'b', null, 'c', 'a', 'nobody'];
      const sizes = [1, null, 3, 4.5, 1, 0];
      const fields = new Map<string, readonly (string | number | null)[]>([
        ['sensor', sensors],
        ['size', sizes],
      ]);
      const answer = await lookupBatch(plan, { rows: sensors.length, fields, asOfMs }, mget);
      const rows = sensors.map((sensor, row) => ({ request: { sensor, size: sizes[row] ?? null }, asOfMs }));
      const vectors = await lookupMany(plan, rows, mget);
      vectors.forEach(({ values, statuses }, row) => {
        expect(rowOf(answer, row)).toEqual({ values, statuses });
        for (const status of statuses) seen.add(status);
      });
    }),
    { numRuns: 200 },
  );
  expect([...seen].sort()).toEqual([
    'FEATURE_STATUS_NOT_FOUND',
    'FEATURE_STATUS_NULL_VALUE',
    'FEATURE_STATUS_OUTSIDE_MAX_AGE',
    'FEATURE_STATUS_PRESENT',
  ]);
});

/** As an answer of Redis: all values one after the other in one piece of memory, at any position. */
function inOnePiece(mget: Mget, gap: number): Mget {
  return async (keys) => {
    const rows = await mget(keys);
    const whole = Buffer.concat(rows.flatMap((row) => [Buffer.alloc(gap, 7), row ?? Buffer.alloc(0)]));
    let at = 0;
    return rows.map((row) => {
      at += gap;
      return row === null ? null : whole.subarray(at, (at += row.length));
    });
  };
}

it('says the same wherever the stored rows lie in memory', async () => {
  await fc.assert(
    fc.asyncProperty(facts, fc.integer({ min: 0, max: 700 }), fc.nat(9), async (records, asOfMs, gap) => {
      const mget = storeOf(records);
      const fields = new Map([['sensor', ['a', 'b', 'c', 'a']]]);
      const question = { rows: 4, fields, asOfMs };
      expect(await lookupBatch(plan, question, inOnePiece(mget, gap))).toEqual(await lookupBatch(plan, question, mget));
    }),
  );
});

it('does not use rows of another definition or version', async () => {
  const record: Fact = { partition: 1, offset: 0, sensor: 'a', at: 100, level: 2.5, place: null, reading_id: 'r0' };
  const fields = new Map([['sensor', ['a']]]);
  const question = { rows: 1, fields, asOfMs: 110 };
  for (const damage of [
    (row: Buffer) => row.subarray(0, 20),
    (row: Buffer) => Buffer.concat([Buffer.from([9]), row.subarray(1)]),
    (row: Buffer) => Buffer.concat([row.subarray(0, 4), Buffer.from([1, 2, 3, 4]), row.subarray(8)]),
  ]) {
    const mget = storeOf([record]);
    const damaged: Mget = async (keys) => (await mget(keys)).map((row) => (row === null ? null : damage(row)));
    const answer = await lookupBatch(plan, question, damaged);
    expect(answer.columns.slice(2, 7).map(({ statuses }) => statuses[0])).toEqual(
      Array.from({ length: 5 }, () => statusCode.notFound),
    );
  }
});

it('reads each key once, in as many rounds as there are phases, and gives the event time of each view', async () => {
  const record: Fact = { partition: 1, offset: 0, sensor: 'a', at: 100, level: 2.5, place: null, reading_id: 'r0' };
  const mget = vi.fn(storeOf([record]));
  const fields = new Map([['sensor', ['a', 'a', 'b']]]);
  const answer = await lookupBatch(plan, { rows: 3, fields, asOfMs: 110 }, mget);
  expect(mget.mock.calls.map(([keys]) => keys.length)).toEqual([12, 1]);
  expect(answer.views.map(({ name, eventMs }) => [name, ...eventMs])).toEqual([
    ['newest', 100, 100, NaN],
    ['sums', 100, 100, NaN],
    ['there', 100, 100, NaN],
  ]);
  expect(answer.columns.map(({ view }) => view)).toEqual([-1, -1, 0, 0, 1, 1, 2, -1, -1]);
});

it('asks nobody when there is no entity', async () => {
  const mget = vi.fn<Mget>();
  const answer = await lookupBatch(plan, { rows: 0, fields: new Map(), asOfMs: 0 }, mget);
  expect(answer.columns).toHaveLength(9);
  await lookupBatch(plan, { rows: 2, fields: new Map([['sensor', [null, null]]]), asOfMs: 0 }, mget);
  expect(mget).not.toHaveBeenCalled();
});
