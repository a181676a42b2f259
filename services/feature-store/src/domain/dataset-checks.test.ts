import { datasetCheckDefaults } from '@everloop/contracts';
import { describe, expect, it } from 'vitest';

import { inputPower, isLeak, result } from './dataset-checks.ts';

/** The same pseudo-random number for the same argument. */
const noise = (index: number): number => {
  const value = Math.sin(index * 12.9898) * 43758.5453;
  return value - Math.floor(value);
};
const rows = 2_000;
const labels = Array.from({ length: rows }, (_, row) => (noise(row) < 0.3 ? 1 : 0));
const numbers = (of: (row: number) => number) =>
  inputPower({ type: 'number', values: Float64Array.from({ length: rows }, (_, row) => of(row)), labels });
const texts = (of: (row: number) => string | null) =>
  inputPower({ type: 'string', values: Array.from({ length: rows }, (_, row) => of(row)), labels });

describe('inputPower', () => {
  it.each([
    ['the label itself', (row: number) => labels[row] ?? 0, true],
    ['the label turned around, scaled', (row: number) => 7 - 3 * (labels[row] ?? 0), true],
    ['the label where it is known, missing elsewhere', (row: number) => (labels[row] === 1 ? 5 : NaN), true],
    [
      'the label, not monotone: both ends',
      (row: number) => (labels[row] === 1 ? (row % 4 < 2 ? -9 : 9) : noise(row + 9)),
      true,
    ],
    ['noise', (row: number) => noise(row + 0.5), false],
    ['a number of each row', (row: number) => row, false],
    ['a constant', () => 1, false],
    ['nothing', () => NaN, false],
    ['a good input', (row: number) => (labels[row] ?? 0) + 2 * noise(row + 0.7), false],
  ])('a number that is %s', (_name, of, leaks) => {
    expect(isLeak(numbers(of), datasetCheckDefaults)).toBe(leaks);
  });

  it.each([
    ['the label itself', (row: number) => `is ${labels[row]}`, true],
    ['the label, or missing', (row: number) => (labels[row] === 1 ? 'yes' : null), true],
    ['an id of each row', (row: number) => `id-${row}`, false],
    ['noise', (row: number) => `c${Math.floor(noise(row + 0.1) * 5)}`, false],
  ])('text that is %s', (_name, of, leaks) => {
    expect(isLeak(texts(of), datasetCheckDefaults)).toBe(leaks);
  });

  it('is nothing without rows or with one label', () => {
    expect(inputPower({ type: 'number', values: new Float64Array(0), labels: [] })).toEqual({
      auc: NaN,
      information: 0,
    });
    const same = inputPower({
      type: 'number',
      values: Float64Array.from({ length: 500 }, (_, row) => row),
      labels: Array<number>(500).fill(1),
    });
    expect(isLeak(same, datasetCheckDefaults)).toBe(false);
  });
});

describe('result', () => {
  const found = { isBad: true, detail: 'd', examples: [{ a: 1 }] };
  it.each([
    ['fail', 'fail', ['{"a":1}']],
    ['warn', 'warn', ['{"a":1}']],
    ['off', 'pass', []],
  ] as const)('%s', (action, verdict, examples) => {
    expect(result('duplicates', action, found)).toEqual({ check: 'duplicates', verdict, detail: 'd', examples });
  });
});
