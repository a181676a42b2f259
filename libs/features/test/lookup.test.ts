import { features } from '@everloop/contracts';
import { describe, expect, it, vi } from 'vitest';

import {
  compileFromCatalog,
  lookup,
  lookupMany,
  planLookup,
  rowKeys,
  vectorWithoutViews,
  type Mget,
} from '../src/index.ts';
import { aggregations, materialise, modelSpec, sensorSource, viewSpec, type LogRecord } from './fixtures.ts';

const { FeatureStatus } = features;
const catalog = {
  sources: new Map([['sensors', sensorSource]]),
  views: new Map([
    ['reading', viewSpec({ entity: 'reading_id', columns: ['sensor', 'place'] })],
    ['level', viewSpec({ aggregations: aggregations(35) })],
    ['places', viewSpec({ aggregations: [{ name: 'last', function: 'lastK', column: 'place', k: 2, windowMs: 35 }] })],
  ]),
};
const model = modelSpec({
  request: [
    { name: 'id', type: 'string' },
    { name: 'size', type: 'number' },
  ],
  views: [
    { view: 'reading', key: 'request.id' },
    { view: 'level', key: 'reading.sensor' },
  ],
  inputs: [
    { name: 'size', type: 'number', from: 'request.size' },
    { name: 'place', type: 'category', from: 'reading.place' },
    { name: 'average', type: 'number', from: 'level.average' },
  ],
});
const plan = planLookup(model, catalog);

function storeOf(records: readonly LogRecord[]): Mget {
  const stored = new Map<string, Buffer | null>();
  const reading = compileFromCatalog('reading', catalog);
  const level = compileFromCatalog('level', catalog);
  for (const { sensor } of records) {
    rowKeys(level, sensor).forEach((key, index) =>
      stored.set(key, materialise(level, records, sensor, 2)[index] ?? null),
    );
    const asReading = records.map((record) => ({ ...record, reading_id: `r-${record.sensor}` }));
    const [key] = rowKeys(reading, `r-${sensor}`);
    const rows = materialise(reading, asReading, sensor, 2).filter((row) => row !== null);
    if (key !== undefined) stored.set(key, rows[0] ?? null);
  }
  return async (keys) => keys.map((key) => stored.get(key) ?? null);
}

const record: LogRecord = { partition: 1, offset: 0, sensor: 's1', at: 100, level: 3.5, place: 'hall' };

describe('lookup', () => {
  it('reads a key that another view gives in a second round, and each round once for many rows', async () => {
    const mget = vi.fn(storeOf([record]));
    const row = { request: { id: 'r-s1', size: 2 }, asOfMs: 110 };
    const vectors = await lookupMany(plan, [row, row, { ...row, asOfMs: 99 }], mget);
    expect(mget).toHaveBeenCalledTimes(2);
    expect(mget.mock.calls[0]?.[0]).toHaveLength(1);
    expect(mget.mock.calls[1]?.[0]).toHaveLength(3);
    expect(vectors[0]).toEqual({
      names: ['size', 'place', 'average'],
      values: [2, 'hall', 3.5],
      statuses: [FeatureStatus.PRESENT, FeatureStatus.PRESENT, FeatureStatus.PRESENT],
      degradedViews: [],
      viewAgesMs: [10, 10],
    });
    expect(vectors[2]).toMatchObject({
      values: [2, null, null],
      statuses: [FeatureStatus.PRESENT, FeatureStatus.NOT_FOUND, FeatureStatus.NOT_FOUND],
      degradedViews: ['reading', 'level'],
      viewAgesMs: [-1, -1],
    });
  });

  it.each([
    ['at the end of its life', 100 + 1_000, FeatureStatus.PRESENT],
    ['a millisecond after', 100 + 1_001, FeatureStatus.OUTSIDE_MAX_AGE],
  ])('honours the time to live %s', async (_, asOfMs, status) => {
    const vector = await lookup(plan, { id: 'r-s1', size: 2 }, asOfMs, storeOf([record]));
    expect(vector.statuses[1]).toBe(status);
    expect(vector.viewAgesMs[0]).toBe(asOfMs - 100);
    expect(vector.values[1]).toBe(status === FeatureStatus.PRESENT ? 'hall' : null);
  });

  it('tells a missing value from a missing entity', async () => {
    const vector = await lookup(plan, { id: 'r-s1' }, 110, storeOf([{ ...record, level: null, place: null }]));
    expect(vector.statuses).toEqual([FeatureStatus.NULL_VALUE, FeatureStatus.NULL_VALUE, FeatureStatus.NULL_VALUE]);
    expect(vector.degradedViews).toEqual([]);
  });

  it('has a vector for when the store cannot be read', () => {
    expect(vectorWithoutViews(plan, { id: 'r', size: 1 })).toMatchObject({
      values: [1, null, null],
      degradedViews: ['reading', 'level'],
      viewAgesMs: [-1, -1],
    });
  });
});

describe('a plan names what does not fit', () => {
  it.each([
    [{ views: [{ view: 'levle', key: 'request.id' }] }, /no FeatureView "levle"/],
    [{ views: [{ view: 'level', key: 'request.idd' }] }, /no request field "idd"; it has id, size/],
    [{ views: [{ view: 'level', key: 'reading.sensor' }] }, /"reading" is not bound/],
    [{ views: [{ view: 'level', key: 'request.size' }] }, /it is a number, the entity's sensor is a string/],
    [
      {
        views: [
          { view: 'places', key: 'request.id' },
          { view: 'level', key: 'places.last' },
        ],
      },
      /a list of values is no key/,
    ],
    [{ inputs: [{ name: 'a', type: 'number' as const, from: 'level.averag' }] }, /no feature "averag"/],
    [{ inputs: [{ name: 'a', type: 'number' as const, from: 'size' }] }, /must be request/],
  ])('%j', (part, message) => {
    expect(() => planLookup({ ...model, ...part }, catalog)).toThrow(message);
  });
});
