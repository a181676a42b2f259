import type { ModelSpec } from '@everloop/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  decodeGolden,
  encodeGolden,
  isReplayable,
  rawValues,
  readColumn,
  withReads,
  type GoldenRow,
} from './golden.ts';
import { vectorOfGolden } from './lookup.ts';
import { planLookup, type LookupPlan } from './plan.ts';

const model = {
  request: [
    { name: 'parcel', type: 'string' },
    { name: 'distance', type: 'number' },
  ],
  joinKey: 'parcel',
  views: [{ view: 'courier', key: 'request.parcel' }],
  inputs: [
    { name: 'distance', type: 'number', from: 'request.distance' },
    { name: 'place', type: 'category', from: 'courier.place' },
    { name: 'ratio', type: 'number', from: 'onDemand.ratio' },
  ],
  onDemand: [{ name: 'ratio', type: 'number', cel: 'request.distance / courier.usual' }],
} as unknown as ModelSpec;

function planOf(cel = 'request.distance / courier.usual'): LookupPlan {
  const source = {
    ...{ topic: 't', partitions: 1, format: 'json', key: 'parcel', eventTime: 'at', allowedLatenessMs: 0 },
    fields: {
      parcel: { type: 'string', required: true },
      at: { type: 'timestamp', required: true },
      usual: { type: 'number', required: false },
      place: { type: 'string', required: false },
    },
  };
  const view = {
    source: 's',
    entity: 'parcel',
    columns: ['usual', 'place'],
    aggregations: [],
    hopMs: 0,
    ttlMs: 1,
    readBehindMs: 0,
  };
  const catalog = { views: new Map([['courier', view]]), sources: new Map([['s', source]]) };
  const asked = { ...model, onDemand: [{ name: 'ratio', type: 'number', cel }] };
  return planLookup(asked as unknown as ModelSpec, catalog as unknown as Parameters<typeof planLookup>[1]);
}

const row: GoldenRow = {
  timeMs: 1,
  request: { parcel: 'p1', distance: 6 },
  features: { 'courier.place': 'Ulm', 'courier.usual': 4 },
  inputs: [6, 'Ulm', 1.5],
  score: 0.25,
};

describe('golden rows', () => {
  it('are computed again from their raw values, on-demand inputs included', () => {
    expect(vectorOfGolden(planOf(), row).values).toEqual([6, 'Ulm', 1.5]);
    expect(vectorOfGolden(planOf('request.distance * courier.usual'), row).values).toEqual([6, 'Ulm', 24]);
    expect(
      vectorOfGolden(planOf(), { ...row, features: { 'courier.usual': null, 'courier.place': null } }).values,
    ).toEqual([6, null, null]);
  });

  it.each([
    ['with all values', row, true],
    ['with a missing value', { ...row, features: { ...row.features, 'courier.usual': null } }, true],
    ['without a value that an input is', { ...row, request: { parcel: 'p1' } }, false],
    ['without a value that an input is computed from', { ...row, features: { 'courier.place': 'Ulm' } }, false],
  ])('can be computed again: %s', (_name, given, expected) => {
    expect(isReplayable(planOf(), given)).toBe(expected);
  });

  it('are made of the columns of a training set that withReads asks for', () => {
    const wide = withReads(planOf());
    expect(wide.names).toEqual(['distance', 'place', 'ratio', '__read_request.distance', '__read_courier.usual']);
    const values = new Map<string, string | number>([
      ...([
        ['distance', 6],
        ['place', 'Ulm'],
        ['ratio', 1.5],
        ['__join_key', 'p1'],
      ] as const),
      ...([
        [readColumn('request.distance'), 6],
        [readColumn('courier.usual'), 4],
      ] as const),
    ]);
    const { request, features } = rawValues(model, values.keys(), (column) => values.get(column));
    expect({ request, features }).toEqual({ request: row.request, features: row.features });
  });

  it('need no columns more where nothing is computed on demand', () => {
    const plan = planOf();
    const plain = { ...plan, inputs: plan.inputs.slice(0, 2) };
    expect(withReads(plain)).toBe(plain);
  });

  it('come back from a file as they were', () => {
    const value = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((each) => each + 0),
      fc.string(),
      fc.constant(null),
    );
    const rows = fc.array(
      fc.record({
        timeMs: fc.integer(),
        request: fc.dictionary(fc.stringMatching(/^[a-z]+$/), value),
        features: fc.dictionary(fc.stringMatching(/^[a-z]+$/), value),
        inputs: fc.tuple(value, value),
        score: fc.double({ noNaN: true, noDefaultInfinity: true }).map((each) => each + 0),
      }),
    );
    fc.assert(
      fc.property(rows, (given) => {
        const golden = { inputs: ['a', 'b'], rows: given };
        expect(JSON.parse(JSON.stringify(decodeGolden(encodeGolden(golden))))).toEqual(
          JSON.parse(JSON.stringify(golden)),
        );
      }),
    );
  });

  it.each([
    ['no JSON', '{', /not JSON/],
    ['null', 'null', /format is not 1/],
    ['another format', '{"format":2,"inputs":[],"rows":[]}', /format is not 1/],
    ['no rows', '{"format":1,"inputs":[]}', /no rows/],
    ['a row of another width', JSON.stringify({ format: 1, inputs: ['a'], rows: [row] }), /a row lacks/],
    [
      'a row without a score',
      JSON.stringify({ format: 1, inputs: row.inputs, rows: [{ ...row, score: null }] }),
      /a row lacks/,
    ],
  ])('are refused: %s', (_name, text, message) => {
    expect(() => decodeGolden(Buffer.from(text))).toThrow(
      expect.objectContaining({ code: 'EVL_FEATURES_GOLDEN_INVALID', message: expect.stringMatching(message) }),
    );
  });
});
