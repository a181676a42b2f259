import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chiSquareGoodness, chiSquareTwoSample, gTwoSample } from './chi-square.ts';

const rows = fc.array(fc.tuple(fc.integer({ min: 0, max: 80 }), fc.integer({ min: 0, max: 80 })), {
  minLength: 2,
  maxLength: 12,
});

describe('tests of counts', () => {
  // scipy.stats.chi2_contingency(…, lambda_='log-likelihood', correction=False) of SciPy 1.17.1.
  test.each([
    [[689, 311], [568, 232], 1, 0.931_902_858_928_822_3, 0.334_368_956_049_671_93],
    [
      [1745, 728, 615, 479, 423, 355, 339, 316],
      [1090, 445, 324, 296, 222, 229, 213, 181],
      7,
      8.869_550_824_730_297,
      0.262_157_995_653_727_44,
    ],
    [[5, 0, 3, 10], [1, 4, 0, 20], 3, 14.868_450_817_889_983, 0.001_932_588_400_401_827_4],
  ])('G of %j and %j', (reference, current, dof, statistic, pValue) => {
    const result = gTwoSample(reference, current);
    expect(result.dof).toBe(dof);
    expect(Math.abs(result.statistic - statistic)).toBeLessThan(1e-9);
    expect(Math.abs(result.pValue - pValue)).toBeLessThan(1e-9);
  });

  test('are symmetric, unmoved by the order of categories and by empty ones', () => {
    fc.assert(
      fc.property(rows, (pairs) => {
        const [a, b] = [pairs.map(([x]) => x), pairs.map(([, y]) => y)];
        for (const run of [chiSquareTwoSample, gTwoSample]) {
          const { statistic, pValue } = run(a, b);
          expect(statistic).toBeGreaterThanOrEqual(-1e-9);
          expect(run(b, a).statistic).toBeCloseTo(statistic, 8);
          expect(run([0, ...a.toReversed()], [0, ...b.toReversed()]).pValue).toBeCloseTo(pValue, 10);
        }
      }),
    );
  });

  test('equal shares are at distance 0', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 2 }), (a) => {
        const twice = a.map((count) => 2 * count);
        expect(chiSquareTwoSample(a, twice).statistic).toBeCloseTo(0, 9);
        expect(gTwoSample(a, twice).statistic).toBeCloseTo(0, 9);
        expect(chiSquareGoodness(twice, a).pValue).toBeCloseTo(1, 9);
      }),
    );
  });

  test('the correction of Yates only lowers the statistic, and only with two categories', () => {
    const plain = chiSquareTwoSample([10, 20], [20, 15]);
    expect(chiSquareTwoSample([10, 20], [20, 15], { yates: true }).statistic).toBeLessThan(plain.statistic);
    const three = chiSquareTwoSample([10, 20, 5], [20, 15, 9]);
    expect(chiSquareTwoSample([10, 20, 5], [20, 15, 9], { yates: true })).toEqual(three);
    expect(chiSquareTwoSample([50, 50], [50, 50], { yates: true }).statistic).toBe(0);
  });

  test('nothing to compare', () => {
    const nothing = { statistic: 0, dof: 0, pValue: 1 };
    expect(chiSquareTwoSample([], [])).toEqual(nothing);
    expect(gTwoSample([3], [4])).toEqual(nothing);
    expect(gTwoSample([0, 0], [4, 5]).pValue).toBe(1);
    expect(chiSquareGoodness([3, 0], [4, 0])).toEqual(nothing);
    expect(chiSquareGoodness([1, 1], [2, 0]).pValue).toBe(0);
  });
});
