import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hellinger, jensenShannon, kullbackLeibler, largestShareDifference } from './divergence.ts';
import { psi } from './psi.ts';
import { wasserstein1, wassersteinFromBins } from './wasserstein.ts';

const bins = 6;
const counts = fc
  .array(fc.integer({ min: 0, max: 50 }), { minLength: bins, maxLength: bins })
  .filter((row) => row.some((count) => count > 0));
const values = fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 1, maxLength: 40 });

describe('distances of counts', () => {
  test('Jensen-Shannon, Hellinger and the largest difference are metrics up to 1', () => {
    const metrics = [
      (a: readonly number[], b: readonly number[]): number => jensenShannon(a, b, { base: 2 }),
      hellinger,
      largestShareDifference,
    ];
    fc.assert(
      fc.property(counts, counts, counts, (a, b, c) => {
        for (const distance of metrics) {
          expect(distance(a, b)).toBeCloseTo(distance(b, a), 12);
          // A square root of a rounding error is up to 1e-8.
          expect(distance(a, a)).toBeLessThan(3e-8);
          expect(distance(a, b)).toBeLessThanOrEqual(1 + 1e-12);
          expect(distance(a, c)).toBeLessThanOrEqual(distance(a, b) + distance(b, c) + 1e-7);
        }
      }),
    );
  });

  test('the stability index is the sum of both divergences', () => {
    fc.assert(
      fc.property(counts, counts, (a, b) => {
        const [p, q] = [a.map((count) => count + 0.5), b.map((count) => count + 0.5)];
        expect(psi(a, b)).toBeCloseTo(kullbackLeibler(p, q) + kullbackLeibler(q, p), 9);
      }),
    );
  });

  test('empty bins and empty sides', () => {
    expect(kullbackLeibler([1, 0], [1, 1])).toBe(Infinity);
    for (const distance of [jensenShannon, kullbackLeibler, hellinger, largestShareDifference]) {
      expect(distance([0, 0], [1, 1])).toBeNaN();
      expect(distance([1, 1], [])).toBeNaN();
    }
  });
});

describe('Wasserstein-1', () => {
  test('is a metric; a shift costs itself, a scale its factor', () => {
    fc.assert(
      fc.property(values, values, values, (a, b, c) => {
        const ab = wasserstein1(a, b);
        expect(wasserstein1(b, a)).toBeCloseTo(ab, 9);
        expect(wasserstein1(a, a)).toBe(0);
        expect(wasserstein1(a, c)).toBeLessThanOrEqual(ab + wasserstein1(b, c) + 1e-9);
        expect(
          wasserstein1(
            a,
            a.map((x) => x + 3),
          ),
        ).toBeCloseTo(3, 9);
        expect(
          wasserstein1(
            a.map((x) => -2 * x),
            b.map((x) => -2 * x),
          ),
        ).toBeCloseTo(2 * ab, 8);
      }),
    );
  });

  test('of equally many values it is the mean distance of the sorted ones', () => {
    fc.assert(
      fc.property(values, (a) => {
        const b = a.map((x) => x * x - 5);
        const [x, y] = [a.toSorted((p, q) => p - q), b.toSorted((p, q) => p - q)];
        const mean = x.reduce((sum, value, i) => sum + Math.abs(value - (y[i] ?? 0)), 0) / x.length;
        expect(wasserstein1(a, b)).toBeCloseTo(mean, 8);
      }),
    );
  });

  test('from bins it is that of the values at the positions', () => {
    const positions = [0, 1, 2, 5, 5.5, 9];
    const spread = (row: readonly number[]): number[] =>
      row.flatMap((count, i) => Array.from({ length: count }, () => positions[i] ?? 0));
    fc.assert(
      fc.property(counts, counts, (a, b) => {
        expect(wassersteinFromBins(positions, a, b)).toBeCloseTo(wasserstein1(spread(a), spread(b)), 9);
      }),
    );
  });

  test('empty and NaN', () => {
    expect(wasserstein1([], [1])).toBeNaN();
    expect(wasserstein1([Number.NaN, 1], [3])).toBe(2);
    expect(wassersteinFromBins([0, 1], [0, 0], [1, 1])).toBeNaN();
  });
});
