import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ksExactSteps, ksPValueExact } from './ks-exact.ts';
import { ksFromBins, ksPValueAsymptotic, ksPValueFinite, ksTwoSample } from './ks.ts';

/** P-value by listing every way to share the pooled values out. */
function byEnumeration(a: readonly number[], b: readonly number[]): number {
  const pooled = [...a, ...b];
  const seen = ksTwoSample(a, b).statistic;
  let reached = 0;
  let ways = 0;
  for (let mask = 0; mask < 2 ** pooled.length; mask += 1) {
    const left = pooled.filter((_, i) => (mask >> i) % 2 === 1);
    if (left.length !== a.length) continue;
    const right = pooled.filter((_, i) => (mask >> i) % 2 === 0);
    ways += 1;
    if (ksTwoSample(left, right).statistic >= seen - 1e-12) reached += 1;
  }
  return reached / ways;
}

const few = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 5 });

describe('two-sample Kolmogorov-Smirnov', () => {
  test('conditional on ties it equals the enumeration of all permutations', () => {
    fc.assert(
      fc.property(few, few, (a, b) => {
        expect(ksTwoSample(a, b, { ties: 'conditional' }).pValue).toBeCloseTo(byEnumeration(a, b), 12);
      }),
      { numRuns: 40 },
    );
  });

  test('the law of untied samples is conservative under ties', () => {
    fc.assert(
      fc.property(few, few, (a, b) => {
        expect(ksTwoSample(a, b).pValue).toBeGreaterThanOrEqual(
          ksTwoSample(a, b, { ties: 'conditional' }).pValue - 1e-12,
        );
      }),
    );
  });

  test('is symmetric and unmoved by order and by increasing maps', () => {
    const sample = fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(sample, sample, (a, b) => {
        const result = ksTwoSample(a, b);
        const swapped = ksTwoSample(b, a);
        expect(swapped.statistic).toBe(result.statistic);
        expect(swapped.pValue).toBeCloseTo(result.pValue, 12);
        expect(ksTwoSample([...a].reverse(), b)).toEqual(result);
        const cube = (x: number): number => x ** 3 + x;
        const location = cube(result.location);
        expect(ksTwoSample(a.map(cube), b.map(cube))).toEqual({ ...result, location });
      }),
    );
  });

  test('on one bin a value the binned statistic equals the raw one', () => {
    const sample = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 60 });
    const count = (values: readonly number[]): number[] =>
      Array.from({ length: 10 }, (_, bin) => values.filter((value) => value === bin).length);
    fc.assert(
      fc.property(sample, sample, (a, b) => {
        expect(ksFromBins(count(a), count(b))).toBeCloseTo(ksTwoSample(a, b).statistic, 12);
      }),
    );
  });

  test('the limit law meets the exact one for large samples', () => {
    for (const d of [0.03, 0.05, 0.08]) {
      const exact = ksPValueExact(d, 2000, 1999);
      expect(Math.abs(ksPValueAsymptotic(d, 2000, 1999) / exact - 1)).toBeLessThan(0.12);
    }
  });

  test('the band leaves nothing out: equal to the law that follows every merge', () => {
    const size = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(size, size, fc.double({ min: 0.001, max: 1, noNaN: true }), (n, m, d) => {
        const everyPlace = Array.from({ length: n + m }, () => true);
        expect(ksPValueExact(d, n, m)).toBeCloseTo(ksPValueExact(d, n, m, everyPlace), 13);
        expect(ksExactSteps(d, n, m)).toBeLessThanOrEqual(n * m);
      }),
    );
  });

  test('the distance is seen at the location, with its sign', () => {
    const sample = fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 1, maxLength: 30 });
    const below = (values: readonly number[], x: number): number => values.filter((v) => v <= x).length / values.length;
    fc.assert(
      fc.property(sample, sample, (a, b) => {
        const { statistic, location, sign } = ksTwoSample(a, b);
        expect(sign * (below(a, location) - below(b, location))).toBeCloseTo(statistic, 12);
      }),
    );
  });

  test('both series of the limit law agree where they meet', () => {
    expect(ksPValueAsymptotic(0.999999999999, 2, 2)).toBeCloseTo(ksPValueAsymptotic(1.000000000001, 2, 2), 10);
  });

  test('empty and NaN', () => {
    expect(ksTwoSample([], [1]).pValue).toBeNaN();
    expect(ksTwoSample([Number.NaN, 1], [1])).toEqual({
      statistic: 0,
      pValue: 1,
      method: 'exact',
      location: 1,
      sign: 1,
    });
    expect(ksPValueFinite(0.5, 0, 3)).toBeNaN();
    expect(ksFromBins([0, 0], [1, 2])).toBeNaN();
    expect(ksPValueExact(0.5, 0, 3)).toBeNaN();
    expect(ksPValueAsymptotic(0.5, 0, 3)).toBeNaN();
    const [low, high] = [new Float64Array(3000), new Float64Array(3000).fill(1)];
    expect(ksTwoSample(low, high).method).toBe('asymptotic');
    expect(ksTwoSample(low, high, { exactStepsMax: Infinity }).method).toBe('exact');
  });
});
