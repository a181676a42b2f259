import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { kolmogorovSurvival, ksOneSampleSurvival, ksOneSided } from './ks-law.ts';

describe('law of one sample', () => {
  // scipy.stats.kstwo.sf of SciPy 1.17.1; one row for each region of the computation.
  test.each([
    ['below 1/2n', 0.04, 10, 1],
    ['below 1/n', 0.009, 100, 1],
    ['up to 140 values', 0.1, 100, 0.2526927570063874],
    ['up to 140 values, far', 0.25, 100, 5.408871776434847e-6],
    ['from one half on', 0.6, 20, 2.0483011649719853e-7],
    ['many values, matrix', 0.01, 1000, 0.9999496745370611],
    ['many values, expansion', 0.02, 4000, 0.08043072865191048],
    ['many values, far', 0.03, 4000, 0.0014620752069361704],
  ])('%s', (_, d, n, expected) => {
    expect(Math.abs(ksOneSampleSurvival(d, n) / expected - 1)).toBeLessThan(1e-9);
  });

  test('is P(D >= d) of all orders: n = 1 and n = 2 in closed form', () => {
    for (const d of [0.51, 0.6, 0.75, 0.9]) {
      expect(ksOneSampleSurvival(d, 1)).toBeCloseTo(2 * (1 - d), 14);
      expect(ksOneSampleSurvival(d, 2)).toBeCloseTo(2 * (1 - d) ** 2, 14);
    }
    // 2! (2 d - 1/2)² for 1/4 <= d <= 1/2.
    expect(1 - ksOneSampleSurvival(0.4, 2)).toBeCloseTo(2 * (0.8 - 0.5) ** 2, 14);
  });

  test('falls in d, is between the one-sided law and twice it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 }), fc.double({ min: 0.001, max: 1, noNaN: true }), (n, d) => {
        const p = ksOneSampleSurvival(d, n);
        expect(p).toBeGreaterThanOrEqual(ksOneSampleSurvival(Math.min(1, d * 1.01), n) - 2e-6);
        expect(p).toBeLessThanOrEqual(Math.min(1, 2 * ksOneSided(d, n)) + 2e-6);
        expect(p).toBeGreaterThanOrEqual(ksOneSided(d, n) - 2e-6);
      }),
    );
  });

  test('meets the limit law', () => {
    for (const x of [0.5, 0.8, 1.2, 2]) {
      expect(Math.abs(ksOneSampleSurvival(x / 1000, 1_000_000) - kolmogorovSurvival(x))).toBeLessThan(0.001);
    }
  });

  test('what is no statistic', () => {
    expect(ksOneSampleSurvival(0.5, 0)).toBeNaN();
    expect(ksOneSampleSurvival(0.5, 2.5)).toBeNaN();
    expect(ksOneSampleSurvival(Number.NaN, 3)).toBeNaN();
    expect(ksOneSampleSurvival(1, 3)).toBe(0);
    expect(ksOneSided(0, 3)).toBe(1);
    expect(ksOneSided(1, 3)).toBe(0);
    expect(kolmogorovSurvival(Number.NaN)).toBeNaN();
  });
});
