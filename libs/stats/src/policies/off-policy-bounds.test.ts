import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clusterBootstrap, empiricalBernsteinLower, offPolicyGate } from './off-policy-bounds.ts';

const options = { confidence: 0.95, resamples: 400, seed: 7 };

/** Numbers in [0, 1) of a linear congruential generator (Knuth 1997, section 3.3.4, line 26). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32) / 2 ** 32;
}

describe('clusterBootstrap', () => {
  it('is the same again with the same seed, in any order of the rows, and another with another', () => {
    fc.assert(
      fc.property(
        fc
          .array(fc.tuple(fc.integer({ min: -9, max: 9 }), fc.constantFrom('a', 'b', 'c', 'd')), { minLength: 8 })
          .chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
        ([all, other]) => {
          const of = (rows: typeof all) =>
            clusterBootstrap(
              [{ numerator: rows.map(([value]) => value) }],
              rows.map(([, unit]) => unit),
              options,
            );
          expect(of(other)).toEqual(of(all));
        },
      ),
      { numRuns: 30 },
    );
    const rows = Array.from({ length: 50 }, (_, i) => i);
    const interval = (seed: number) => clusterBootstrap([{ numerator: rows }], rows.map(String), { ...options, seed });
    expect(interval(1)).toEqual(interval(1));
    expect(interval(1)).not.toEqual(interval(2));
  });

  it('covers the mean about as often as it says', () => {
    const random = numbers(11);
    let covered = 0;
    for (let trial = 0; trial < 200; trial += 1) {
      const rows = Array.from({ length: 60 }, () => random());
      const [interval] = clusterBootstrap([{ numerator: rows }], rows.map((_, i) => String(i)), { ...options, seed: trial }); // prettier-ignore
      if ((interval?.lower ?? 1) <= 0.5 && (interval?.upper ?? 0) >= 0.5) covered += 1;
    }
    // 200 trials of 95 % are within 180 and 199 with probability 0.997 (binomial law); the percentile interval covers a little less.
    expect(covered).toBeGreaterThanOrEqual(178);
  });

  it('is as wide as few units make it, not as many rows do', () => {
    const values = Array.from({ length: 30 }, (_, unit) => unit);
    const repeated = values.flatMap((value) => Array.from({ length: 20 }, () => value));
    const [few] = clusterBootstrap([{ numerator: values }], values.map(String), options);
    const [clustered] = clusterBootstrap([{ numerator: repeated }], repeated.map(String), options);
    const [rows] = clusterBootstrap([{ numerator: repeated }], repeated.map((_, i) => String(i)), options); // prettier-ignore
    expect(clustered).toEqual(few);
    const width = (one: typeof rows) => (one?.upper ?? 0) - (one?.lower ?? 0);
    expect(width(rows)).toBeLessThan(width(clustered) / 3);
  });

  it('gives ratios, several at once over the same resamples', () => {
    const numerator = [1, 2, 3, 4];
    const units = ['a', 'b', 'c', 'd'];
    const [mean, doubled, one] = clusterBootstrap(
      [{ numerator }, { numerator: numerator.map((value) => 2 * value) }, { numerator, denominator: numerator }],
      units,
      options,
    );
    expect(doubled).toEqual({ lower: 2 * (mean?.lower ?? 0), upper: 2 * (mean?.upper ?? 0) });
    expect(one).toEqual({ lower: 1, upper: 1 });
  });

  it('has nothing to say without rows or without any weight, and one cluster is a point', () => {
    const none = { lower: Number.NaN, upper: Number.NaN };
    expect(clusterBootstrap([{ numerator: [] }], [], options)).toEqual([none]);
    expect(clusterBootstrap([{ numerator: [0], denominator: [0] }], ['a'], options)).toEqual([none]);
    expect(clusterBootstrap([{ numerator: [1, 3] }], ['a', 'a'], options)).toEqual([{ lower: 2, upper: 2 }]);
  });
});

describe('empiricalBernsteinLower', () => {
  // By NumPy 2.4.6: x.mean() - sqrt(2 * x.var(ddof=1) * log(2/d) / n) - 7 * (max - min) * log(2/d) / (3 * (n - 1)).
  it.each([
    ['1,000 alternating', Array.from({ length: 1_000 }, (_, i) => i % 2), { min: 0, max: 1 }, 0.95, 0.4484155681820466],
    ['a ramp', Array.from({ length: 500 }, (_, i) => i / 100), { min: 0, max: 20 }, 0.99, 1.7891640503395627],
  ])('%s', (_name, values, range, confidence, expected) => {
    expect(Math.abs(empiricalBernsteinLower(values, { ...range, confidence }) - expected)).toBeLessThan(1e-9);
  });

  it('says nothing of fewer than two values', () => {
    expect(empiricalBernsteinLower([], { min: 0, max: 1, confidence: 0.95 })).toBe(-Infinity);
    expect(empiricalBernsteinLower([1], { min: 0, max: 1, confidence: 0.95 })).toBe(-Infinity);
  });

  it('is below the mean, and never above it in 500 samples of a known mean', () => {
    const random = numbers(5);
    let wrong = 0;
    for (let trial = 0; trial < 500; trial += 1) {
      const values = Array.from({ length: 200 }, () => (random() < 0.1 ? 1 : 0));
      if (empiricalBernsteinLower(values, { min: 0, max: 1, confidence: 0.95 }) > 0.1) wrong += 1;
    }
    expect(wrong).toBeLessThanOrEqual(25);
  });
});

describe('offPolicyGate', () => {
  const evidence = { decisions: 9_000, effectiveSampleSize: 800, margin: 0.02 };
  it.each([
    ['no worse than the margin allows', evidence, { lower: -0.02, upper: 0.5 }, 'pass'],
    ['worse beyond doubt', evidence, { lower: -0.5, upper: -0.021 }, 'fail'],
    ['in doubt', evidence, { lower: -0.021, upper: 0.5 }, 'inconclusive'],
    ['too small a sample', { ...evidence, effectiveSampleSize: 499 }, { lower: 1, upper: 2 }, 'inconclusive'],
    ['too small a share', { ...evidence, decisions: 20_000 }, { lower: 1, upper: 2 }, 'inconclusive'],
    ['a bad candidate in too small a sample', { ...evidence, effectiveSampleSize: 9 }, { lower: -9, upper: -8 }, 'inconclusive'], // prettier-ignore
    ['no value', evidence, { lower: Number.NaN, upper: Number.NaN }, 'inconclusive'],
    ['no sample', { ...evidence, effectiveSampleSize: Number.NaN }, { lower: 1, upper: 2 }, 'inconclusive'],
  ])('%s', (_name, known, difference, verdict) => {
    expect(offPolicyGate({ ...known, difference })).toMatchObject({ verdict });
  });
});
