import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { benjaminiHochberg, falseDiscoveryAdjusted } from './false-discovery.ts';

const ps = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 30 });

describe('false discovery rate', () => {
  // scipy.stats.false_discovery_control of SciPy 1.17.1, methods bh and by.
  const seen = [0.001, 0.02, 0.03, 0.04, 0.5, 0.06, 0.9, 0.03];
  const factor = 1 + 1 / 2 + 1 / 3 + 1 / 4 + 1 / 5 + 1 / 6 + 1 / 7 + 1 / 8;
  const adjusted = [0.008, 0.06, 0.06, 0.064, 0.571_428_571_428_571_4, 0.08, 0.9, 0.06];

  test('adjusted p-values', () => {
    falseDiscoveryAdjusted(seen).forEach((q, i) => {
      expect(q).toBeCloseTo(adjusted[i] ?? 0, 12);
    });
    falseDiscoveryAdjusted(seen, { dependence: 'any' }).forEach((q, i) => {
      expect(q).toBeCloseTo(Math.min(1, (adjusted[i] ?? 0) * factor), 12);
    });
    expect(falseDiscoveryAdjusted(seen, { dependence: 'any' })[0]).toBeCloseTo(0.021_742_857_142_857_14, 15);
  });

  test('rejecting at q is having an adjusted p-value of at most q', () => {
    fc.assert(
      fc.property(ps, fc.double({ min: 0.001, max: 0.5, noNaN: true }), (values, q) => {
        const rejected = benjaminiHochberg(values, q);
        falseDiscoveryAdjusted(values).forEach((value, i) => {
          if (Math.abs(value - q) > 1e-12) expect(rejected[i]).toBe(value <= q);
        });
      }),
    );
  });

  test('keeps the order, is at least the p-value, and does not depend on the order of the tests', () => {
    fc.assert(
      fc.property(ps, (values) => {
        const q = falseDiscoveryAdjusted(values);
        values.forEach((p, i) => {
          expect(q[i]).toBeGreaterThanOrEqual(p);
          values.forEach((other, j) => {
            if (p <= other) expect(q[i]).toBeLessThanOrEqual(q[j] ?? 1);
          });
        });
        expect(falseDiscoveryAdjusted(values.toReversed())).toEqual(q.toReversed());
      }),
    );
  });

  test('no tests, NaN', () => {
    expect(falseDiscoveryAdjusted([])).toEqual([]);
    expect(falseDiscoveryAdjusted([Number.NaN, 0.01])).toEqual([1, 0.02]);
  });
});
