import { describe, expect, it } from 'vitest';
import { byInput, differences, hybrids } from './hybrids.ts';

const batch = { rows: 2, numeric: Float32Array.of(9, 9, 1, Number.NaN), categories: ['z', 'EWR'] };
const background = {
  rows: 3,
  numeric: Float32Array.of(1, 2, 3, Number.NaN, 1, Number.NaN),
  categories: ['EWR', 'JFK', 'EWR'],
};

describe('differences', () => {
  it('are by column, numbers first; two missing values are the same', () => {
    expect(differences(batch, 1, background).map((flags) => [...flags])).toEqual([
      [0, 1, 0],
      [1, 0, 1],
      [0, 0, 0],
    ]);
    expect(differences(batch, 0, { rows: 0, numeric: new Float32Array(0), categories: [] })).toEqual([]);
  });
});

describe('hybrids', () => {
  it('take columns of the instance and of a row of the background', () => {
    const steps = [
      { row: 0, taken: Uint8Array.of(0, 1, 0) },
      { row: 1, taken: Uint8Array.of(1, 0, 1) },
    ];
    expect(hybrids(steps, batch, 1, background)).toEqual({
      rows: 2,
      numeric: Float32Array.of(1, Number.NaN, 1, Number.NaN),
      categories: ['EWR', 'EWR'],
    });
  });
});

describe('byInput', () => {
  it('brings packed columns into the order of the model', () => {
    const inputs = [{ type: 'category' }, { type: 'number' }, { type: 'number' }] as const;
    expect(byInput(inputs, Float64Array.of(1, 2, 7))).toEqual(Float64Array.of(7, 1, 2));
  });
});
