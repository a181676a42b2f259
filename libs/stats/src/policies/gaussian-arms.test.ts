import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasPosterior, thompsonGaussian, type ArmMoments } from './gaussian-arms.ts';

const arm = (matured: number, sum: number, sumSquares: number): ArmMoments => ({ matured, sum, sumSquares });
const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);

/** Moments of the rewards mean ± spread, half of them each. */
const spread = (matured: number, mean: number, by: number): ArmMoments =>
  arm(matured, matured * mean, matured * (mean * mean + by * by));

describe('thompsonGaussian', () => {
  // Computed by SciPy 1.17.1 and NumPy 2.4.6: ∫₀¹ ∏ F_j(Q_i(u)) du with stats.t.ppf and stats.t.cdf, by a Gauss-Legendre rule of 40 points
  // on panels that end at the quantiles of all arms and at 2⁻ᵏ; the probabilities add up to 1 within 1e-15.
  it.each([
    ['few rewards', [arm(5, 10, 30), arm(5, 12, 32)], [0.39669088659415924, 0.603309113405841]],
    ['unlike spreads', [arm(50, 500, 5200), arm(400, 4040, 40884)], [0.3670316343536981, 0.6329683656463018]],
    [
      'negative rewards',
      [arm(30, -12, 40), arm(25, -5, 30), arm(40, -30, 60)],
      [0.26162801409981884, 0.7298115851973791, 0.008560400702802578],
    ],
    ['one far better', [arm(1000, 100, 1010), arm(1000, 900, 1810)], [0, 1]],
    [
      'many rewards',
      [arm(100_000, 50_000, 50_000), arm(90_000, 45_200, 45_200)],
      [0.1667011012891837, 0.8332988987108161],
    ],
    [
      'two degrees of freedom beside many',
      [arm(5, 3, 4), arm(100_000, 50_000, 50_000)],
      [0.5745349919045177, 0.4254650080954822],
    ],
    [
      'five arms',
      [arm(20, 10, 9), arm(22, 11.5, 10), arm(8, 3, 2.2), arm(100, 52, 50), arm(64, 30, 28)],
      [0.25800564005613685, 0.3215884607498039, 0.13294462509483507, 0.21766262065246791, 0.06979865344675615],
    ],
    ['tiny spreads', [arm(20, 19.99, 19.98005), arm(30, 29.94, 29.88015)], [0.9992676120224949, 0.0007323879775051575]],
  ])('%s: within 1e-6 of the reference', (_name, arms, expected) => {
    thompsonGaussian(arms, 0).forEach((probability, at) => {
      expect(Math.abs(probability - (expected[at] ?? Number.NaN))).toBeLessThan(1e-6);
    });
  });

  it('treats equal arms alike, also those whose rewards are all the same', () => {
    for (const arms of [1, 2, 8]) {
      for (const one of [spread(40, -3, 2), spread(40, 7, 0)]) {
        for (const probability of thompsonGaussian(
          Array.from({ length: arms }, () => one),
          0,
        )) {
          expect(Math.abs(probability - 1 / arms)).toBeLessThan(1e-6);
        }
      }
    }
  });

  it('tells rewards without any spread apart', () => {
    expect(thompsonGaussian([spread(10, 1, 0), spread(10, 1.001, 0)], 0)[1]).toBeCloseTo(1, 6);
  });

  it('is uniform until each arm has a posterior', () => {
    expect(thompsonGaussian([spread(100, 0, 1), spread(4, 9, 1)], 0)).toEqual([0.5, 0.5]);
    expect(thompsonGaussian([spread(100, 0, 1), arm(100, 100, 1)], 0)).toEqual([0.5, 0.5]);
  });

  const arms = fc.array(
    fc
      .record({
        matured: fc.integer({ min: 5, max: 3_000 }),
        mean: fc.integer({ min: -500, max: 500 }).map((tenths) => tenths / 10),
        by: fc.integer({ min: 1, max: 300 }).map((tenths) => tenths / 10),
      })
      .map(({ matured, mean, by }) => spread(matured, mean, by)),
    { minLength: 1, maxLength: 4 },
  );

  it('sums to 1 and gives every arm its floor', () => {
    fc.assert(
      fc.property(arms, (some) => {
        const pmf = thompsonGaussian(some, 0.1);
        return Math.abs(total(pmf) - 1) < 1e-9 && Math.min(...pmf) >= 0.1 / some.length - 1e-12;
      }),
      { numRuns: 60, seed: 5 },
    );
  });

  it('does not depend on where zero is, nor on the unit of the reward', () => {
    const moved = ({ matured, sum, sumSquares }: ArmMoments): ArmMoments =>
      arm(matured, 8 * (sum + matured), 64 * (sumSquares + 2 * sum + matured));
    fc.assert(
      fc.property(arms, (some) => {
        const [before, after] = [thompsonGaussian(some, 0), thompsonGaussian(some.map(moved), 0)];
        return before.every((probability, at) => Math.abs(probability - (after[at] ?? 0)) < 1e-5);
      }),
      { numRuns: 60, seed: 6 },
    );
  });
});

describe('hasPosterior', () => {
  it.each([
    ['enough rewards', arm(5, 5, 6), true],
    ['too few', arm(4, 4, 5), false],
    ['squares that rounding made a little small', arm(10, 10, 10 - 5e-6), true],
    ['squares that no rewards have', arm(10, 10, 9), false],
  ])('%s', (_name, one, expected) => {
    expect(hasPosterior(one)).toBe(expected);
  });
});
