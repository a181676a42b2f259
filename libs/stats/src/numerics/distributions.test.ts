import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chiSquareQuantile, chiSquareSurvival, logGamma, upperGammaRatio } from './gamma.ts';
import { betaRatio, pairedLowerBound, studentQuantile } from './student.ts';

describe('χ²', () => {
  // Closed form for two degrees of freedom: exp(-x / 2). The others from the tables of NIST/SEMATECH e-Handbook 1.3.6.7.4.
  test.each([
    [0.95, 1, 3.841, 5e-4],
    [0.99, 10, 23.209, 5e-4],
    [0.999, 9, 27.877, 5e-4],
    [0.975, 30, 46.979, 5e-4],
    [0.999, 100, 149.449, 5e-4],
    [0.99, 2, -2 * Math.log(0.01), 1e-9],
    [0.999999, 2, -2 * Math.log(1e-6), 1e-6],
  ])('quantile %d of %d degrees of freedom', (p, dof, expected, tolerance) => {
    expect(Math.abs(chiSquareQuantile(p, dof) - expected)).toBeLessThan(tolerance);
  });

  test('limits', () => {
    expect(chiSquareQuantile(0, 3)).toBe(0);
    expect(chiSquareQuantile(1, 3)).toBe(Infinity);
    expect(chiSquareQuantile(1.5, 3)).toBeNaN();
    expect(chiSquareSurvival(-1, 3)).toBe(1);
    expect(upperGammaRatio(1, Infinity)).toBe(0);
    expect(upperGammaRatio(0, 1)).toBeNaN();
  });

  test('the survival function inverts the quantile', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-6, max: 1 - 1e-6, noNaN: true }), fc.integer({ min: 1, max: 400 }), (p, dof) => {
        expect(Math.abs(chiSquareSurvival(chiSquareQuantile(p, dof), dof) - (1 - p))).toBeLessThan(1e-9);
      }),
    );
  });

  test('two degrees of freedom keep the far tail', () => {
    for (const x of [10, 100, 1000]) expect(chiSquareSurvival(x, 2) / Math.exp(-x / 2)).toBeCloseTo(1, 11);
  });
});

test('logGamma satisfies Γ(x + 1) = x Γ(x)', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.01, max: 1e5, noNaN: true }), (x) => {
      const gap = logGamma(x + 1) - logGamma(x) - Math.log(x);
      expect(Math.abs(gap)).toBeLessThan(1e-13 * Math.max(10, Math.abs(logGamma(x))));
    }),
  );
});

describe("Student's t", () => {
  // One degree of freedom is Cauchy: tan(π(p - 1/2)); two: (2p - 1) / √(2p(1 - p)); others NIST/SEMATECH e-Handbook 1.3.6.7.2.
  test.each([
    [0.95, 1, Math.tan(Math.PI * 0.45), 1e-9],
    [0.95, 2, 0.9 / Math.sqrt(2 * 0.95 * 0.05), 1e-9],
    [0.975, 10, 2.228, 5e-4],
    [0.99, 100, 2.364, 5e-4],
    [0.95, 100_000, 1.645, 5e-4],
    [0.05, 2, -0.9 / Math.sqrt(2 * 0.95 * 0.05), 1e-9],
    [0.5, 4, 0, 0],
  ])('quantile %d of %d degrees of freedom', (p, dof, expected, tolerance) => {
    expect(Math.abs(studentQuantile(p, dof) - expected)).toBeLessThanOrEqual(tolerance);
  });

  test('the beta ratio is symmetric', () => {
    const side = fc.double({ min: 0.1, max: 50, noNaN: true });
    fc.assert(
      fc.property(side, side, fc.double({ min: 1e-3, max: 0.999, noNaN: true }), (a, b, x) => {
        expect(Math.abs(betaRatio(a, b, x) + betaRatio(b, a, 1 - x) - 1)).toBeLessThan(1e-9);
      }),
    );
  });

  test('bounds: empty, one, constant, order', () => {
    expect(pairedLowerBound([], 0.95)).toEqual({ mean: Number.NaN, lower: -Infinity, upper: Infinity, n: 0 });
    expect(pairedLowerBound([2], 0.95)).toEqual({ mean: 2, lower: -Infinity, upper: Infinity, n: 1 });
    expect(pairedLowerBound([2, 2, 2], 0.95)).toEqual({ mean: 2, lower: 2, upper: 2, n: 3 });
    fc.assert(
      fc.property(fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: 2 }), (diffs) => {
        expect(pairedLowerBound([...diffs].reverse(), 0.9)).toEqual(pairedLowerBound(diffs, 0.9));
      }),
    );
  });
});
