import type { ModelSpec } from '@everloop/contracts';
import type { ColumnTable } from '@everloop/storage';
import { describe, expect, test } from 'vitest';
import { sliceFigures } from '../domain/gates.ts';
import { sliceRows } from './slice-rows.ts';

const table: ColumnTable = {
  rows: 4,
  columns: new Map([
    ['__join_key', { type: 'string', values: ['7', '8', '9', '10'] }],
    ['late', { type: 'number', values: Float64Array.from([5, NaN, 20, 30]) }],
    ['city', { type: 'string', values: ['oslo', 'bergen', null, 'oslo'] }],
  ]),
};
const spec = {
  request: [
    { name: 'trip', type: 'number' },
    { name: 'city', type: 'string' },
    { name: 'note', type: 'string' },
  ],
  joinKey: 'trip',
  inputs: [
    { name: 'late', type: 'number', from: 'delays.late' },
    { name: 'city', type: 'category', from: 'request.city' },
  ],
} satisfies Pick<ModelSpec, 'inputs' | 'joinKey' | 'request'>;

const inSlice = (cel: string, rows = [0, 1, 2, 3]): unknown =>
  sliceRows(table, { ...spec, slices: [{ name: 's', cel }] }, Int32Array.from(rows)).map((slice) => [...slice.rows]);

describe('rows of a slice', () => {
  test.each([
    ['a number; a missing one is not in it', 'input.late > 10', [[2, 3]]],
    ['a request field that is an input', 'request.city == "oslo"', [[0, 3]]],
    ['the join key', 'request.trip < 9', [[0, 1]]],
    ['no row', 'input.late > 99', [[]]],
    ['a request field that the training set does not have', 'request.note == "x"', []],
  ])('by %s', (_, cel, expected) => {
    expect(inSlice(cel)).toEqual(expected);
  });

  test('are among those that are asked about', () => {
    expect(inSlice('input.late > 10', [0, 3])).toEqual([[3]]);
  });

  test('of a Model without slices are none', () => {
    expect(sliceRows(table, spec, Int32Array.from([0]))).toEqual([]);
  });
});

describe('what a version promises for a slice', () => {
  test('is the log loss of its rows, and nothing without any', () => {
    const slice = { name: 'far', labels: [1, 0], challenger: Float64Array.from([0.5, 0.2]), champion: null };
    const figures = sliceFigures([slice, { ...slice, name: 'near', labels: [], challenger: new Float64Array() }]);
    expect(Object.keys(figures)).toEqual(['time_holdout.slice.far.rows', 'time_holdout.slice.far.log_loss']);
    expect(figures['time_holdout.slice.far.log_loss']).toBeCloseTo((Math.LN2 - Math.log(0.8)) / 2, 12);
  });
});
