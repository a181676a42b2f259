import { describe, expect, it } from 'vitest';
import { inputDifference, scoreDifference } from './golden.ts';

const inputs = [
  { name: 'origin', type: 'category' as const },
  { name: 'wind', type: 'number' as const },
];
const golden = {
  inputs: ['origin', 'wind'],
  rows: [
    { timeMs: 0, request: {}, features: {}, inputs: ['EWR', 0.1], score: 0.5 },
    { timeMs: 0, request: {}, features: {}, inputs: [null, null], score: 0.25 },
  ],
};
const rowsOf = (...rows: (string | number | null)[][]) =>
  rows.map((values) => ({ values, degradedViews: [], viewAgesMs: [] }));

describe('inputDifference', () => {
  it.each([
    ['the same', rowsOf(['EWR', 0.1], [null, null]), null],
    ['the same float32', rowsOf(['EWR', Math.fround(0.1)], [null, Number.NaN]), null],
    ['a number', rowsOf(['EWR', 0.1000001], [null, null]), /^row 0, input wind: 0.1 in training, 0.1000001 here$/],
    ['a category', rowsOf(['EWR', 0.1], ['JFK', null]), /^row 1, input origin: null in training, JFK here$/],
    ['a value that was missing', rowsOf(['EWR', 0.1], [null, 0]), /^row 1, input wind: null in training, 0 here$/],
    ['a row too few', rowsOf(['EWR', 0.1]), null],
    ['text for a number', rowsOf(['EWR', '0.1'], [null, null]), /^row 0, input wind/],
  ])('finds %s', (_name, replayed, expected) => {
    const found = inputDifference(inputs, golden, replayed);
    if (expected === null) expect(found).toBeNull();
    else expect(found).toMatch(expected);
  });

  it('finds inputs in another order', () => {
    expect(inputDifference(inputs.toReversed(), golden, [])).toMatch(
      /in training were origin, wind, the model has wind, origin/,
    );
  });
});

describe('scoreDifference', () => {
  it.each([
    ['the same', [0.5, 0.25], null],
    ['what is tolerated', [0.500_000_9, 0.25], null],
    ['more than is tolerated', [0.5, 0.250_002], /^row 1, score: 0.25 in training, 0.250002 here/],
    ['no number', [Number.NaN, 0.25], /^row 0, score: 0.5 in training, NaN here/],
    ['no score', [0.5], /^row 1, score/],
  ])('finds %s', (_name, scores, expected) => {
    const found = scoreDifference(golden, scores);
    if (expected === null) expect(found).toBeNull();
    else expect(found).toMatch(expected);
  });
});
