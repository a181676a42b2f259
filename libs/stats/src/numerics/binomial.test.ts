import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { binomialDensity } from './binomial.ts';

describe('binomial', () => {
  // scipy.stats.binom.pmf of SciPy 1.17.1.
  test.each([
    [0, 5, 0.3, 0.168_07],
    [5, 5, 0.3, 0.002_43],
    [3, 10, 0.5, 0.117_187_5],
    [500, 1000, 0.51, 0.020_651_671_825_821_116],
    [123_456, 1_000_000, 0.1234, 0.001_195_287_459_548_691],
    [2, 1_000_000, 1e-6, 0.183_939_812_555_635_32],
    [10, 12, 0.99, 0.005_968_921_695_058_118],
  ])('%d of %d with %d', (k, n, p, expected) => {
    expect(Math.abs(binomialDensity(k, n, p) / expected - 1)).toBeLessThan(1e-12);
  });

  test('sums to 1', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.double({ min: 0, max: 1, noNaN: true }), (n, p) => {
        let sum = 0;
        for (let k = 0; k <= n; k += 1) sum += binomialDensity(k, n, p);
        expect(sum).toBeCloseTo(1, 12);
      }),
    );
  });

  test('ends', () => {
    expect([binomialDensity(0, 3, 0), binomialDensity(3, 3, 1), binomialDensity(1, 3, 0)]).toEqual([1, 1, 0]);
    expect([binomialDensity(-1, 3, 0.5), binomialDensity(4, 3, 0.5), binomialDensity(1, 3, 1)]).toEqual([0, 0, 0]);
  });
});
