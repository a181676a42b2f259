import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { armMeans, bestArms, epsilonAfter, epsilonGreedy, pickArm, thompson } from './exploration.ts';
import { logGamma } from '../numerics/gamma.ts';

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const values = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 12 });
const epsilon = fc.double({ min: 0, max: 1, noNaN: true });

describe('epsilonGreedy', () => {
  it.each([
    ['one best', [0.1, 0.9], 0.2, [0.1, 0.9]],
    ['tied best', [0.5, 0.5, 0.1], 0.3, [0.45, 0.45, 0.1]],
    ['one arm', [0.3], 0.5, [1]],
    ['all explored', [0.1, 0.9], 1, [0.5, 0.5]],
    ['none explored', [0.1, 0.9], 0, [0, 1]],
  ])('%s', (_name, means, rate, expected) => {
    epsilonGreedy(means, rate).forEach((probability, arm) => expect(probability).toBeCloseTo(expected[arm] ?? 0, 15));
  });

  it('sums to 1 and gives every arm at least ε/K', () => {
    fc.assert(
      fc.property(values, epsilon, (means, rate) => {
        const pmf = epsilonGreedy(means, rate);
        return Math.abs(sum(pmf) - 1) < 1e-9 && Math.min(...pmf) >= rate / means.length - 1e-15;
      }),
    );
  });
});

describe('epsilonAfter', () => {
  it.each([
    ['the beginning', 0, 0.2],
    ['half', 100, 0.1],
    ['a third', 200, 0.2 / 3],
    ['the floor', 1e9, 0.05],
  ])('%s', (_name, matured, expected) => {
    expect(epsilonAfter({ epsilon: 0.2, floor: 0.05, halfAt: 100 }, matured)).toBeCloseTo(expected, 15);
  });

  it('stays without decay', () => {
    expect(epsilonAfter({ epsilon: 0.2, floor: 0, halfAt: 0 }, 1e9)).toBe(0.2);
  });
});

describe('pickArm', () => {
  it.each([
    [[0.25, 0.75], 0, 0],
    [[0.25, 0.75], 0.25, 1],
    [[0, 1], 0, 1],
    [[0.5, 0.5 - 1e-16, 0], 1 - 1e-16, 1],
  ])('%j at %d is %i', (pmf, u, arm) => {
    expect(pickArm(pmf, u)).toBe(arm);
  });
});

describe('armMeans', () => {
  it('counts fractions, and an arm without rewards as the prior', () => {
    const means = armMeans([{ matured: 4, sum: 0.9 * 4 }, { matured: 0, sum: 0 }]); // prettier-ignore
    expect(means).toEqual([0.9, 0.5]);
    expect([...bestArms(means)]).toEqual([0]);
  });
});

/**
 * P(Beta(a1, b1) < Beta(a2, b2)) for whole a2, in closed form: Σ_{i<a2} B(a1+i, b1+b2) / ((b2+i) B(1+i, b2) B(a1, b1))
 * (E. Miller, "Formulas for Bayesian A/B Testing", 2015).
 */
function secondWins(a1: number, b1: number, a2: number, b2: number): number {
  const logBeta = (a: number, b: number): number => logGamma(a) + logGamma(b) - logGamma(a + b);
  return sum(
    Array.from({ length: a2 }, (_, i) =>
      Math.exp(logBeta(a1 + i, b1 + b2) - Math.log(b2 + i) - logBeta(1 + i, b2) - logBeta(a1, b1)),
    ),
  );
}

describe('thompson', () => {
  it.each([
    ['nothing known', 0, 0, 0, 0],
    ['one reward', 1, 1, 1, 0],
    ['little', 10, 3, 12, 6],
    ['much', 2_000, 240, 1_800, 252],
    ['very much', 200_000, 20_000, 190_000, 19_300],
    ['rare', 1_000, 0, 900, 2],
    ['nearly always', 500, 500, 20, 20],
    ['fractions', 10, 3.37, 7, 2],
  ])('%s: agrees with the closed form to 1e-6', (_name, n1, s1, n2, s2) => {
    const [one, two] = thompson([{ matured: n1, sum: s1 }, { matured: n2, sum: s2 }], 0); // prettier-ignore
    const exact = secondWins(1 + s1, 1 + n1 - s1, 1 + s2, 1 + n2 - s2);
    expect(Math.abs((two ?? 0) - exact)).toBeLessThan(1e-6);
    expect(Math.abs((one ?? 0) - (1 - exact))).toBeLessThan(1e-6);
  });

  it('treats equal arms alike, whatever their number', () => {
    for (const arms of [1, 3, 16]) {
      const pmf = thompson(Array.from({ length: arms }, () => ({ matured: 40, sum: 7.5 })), 0); // prettier-ignore
      for (const probability of pmf) expect(Math.abs(probability - 1 / arms)).toBeLessThan(1e-6);
    }
  });

  it('sums to 1 and gives every arm its floor', () => {
    const arm = fc
      .record({ matured: fc.nat(5_000), rate: fc.double({ min: 0, max: 1, noNaN: true }) })
      .map(({ matured, rate }) => ({ matured, sum: matured * rate }));
    fc.assert(
      fc.property(fc.array(arm, { minLength: 1, maxLength: 4 }), (arms) => {
        const pmf = thompson(arms, 0.1);
        return Math.abs(sum(pmf) - 1) < 1e-9 && Math.min(...pmf) >= 0.1 / arms.length - 1e-12;
      }),
      { numRuns: 30, seed: 3 },
    );
  });
});
