import type { rollout } from '@everloop/contracts';
import { drawArm } from '@everloop/stats';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { distributionOf, explore } from './exploration.ts';

const champion = { arm: 'champion', version: '1', propensity: 1, learn: true } as const;
const exploration = (over: Partial<rollout.Exploration> = {}): rollout.Exploration => ({
  ...{ policy: 'epsilon-greedy', versions: ['1', '2', '3'] },
  ...{ epsilon: 0.3, floor: 0, halfAt: 0, warmUp: 0 },
  ...over,
});
const rewards = (...means: number[]) =>
  means.map((mean) => ({ matured: 100, sum: 100 * mean, sumSquares: 100 * (mean * mean + 0.01) }));
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

describe('distributionOf', () => {
  it.each([
    ['the best takes the rest', exploration(), rewards(0.1, 0.9, 0.5), [0.1, 0.8, 0.1], 0.3],
    ['tied best share it', exploration(), rewards(0.9, 0.9, 0.5), [0.45, 0.45, 0.1], 0.3],
    ['epsilon decays', exploration({ halfAt: 300 }), rewards(0.1, 0.9, 0.5), [0.05, 0.9, 0.05], 0.15],
    ['down to its floor', exploration({ halfAt: 1, floor: 0.03 }), rewards(0.1, 0.9, 0.5), [0.01, 0.98, 0.01], 0.03],
    ['uniform until each is warm', exploration({ warmUp: 101 }), rewards(0.1, 0.9, 0.5), [1 / 3, 1 / 3, 1 / 3], 1],
  ])('%s', (_name, rule, arms, expected, epsilon) => {
    const distribution = distributionOf(rule, arms);
    distribution.pmf.forEach((probability, arm) => expect(probability).toBeCloseTo(expected[arm] ?? 0, 12));
    expect(distribution.epsilon).toBeCloseTo(epsilon, 12);
  });

  it('gives Thompson sampling each arm its chance to be the best, with a floor', () => {
    const { pmf, epsilon } = distributionOf(exploration({ policy: 'thompson', floor: 0.03 }), rewards(0.1, 0.9, 0.5));
    expect(pmf[1]).toBeCloseTo(0.98, 6);
    expect(pmf[0]).toBeCloseTo(0.01, 6);
    expect(epsilon).toBe(0.03);
  });

  it('is uniform under Normal arms until each has a spread, and then goes by it', () => {
    const rule = exploration({ policy: 'thompson-gaussian', floor: 0.03 });
    const few = rewards(0.1, 0.9, 0.5).map((arm, at) => (at === 0 ? { matured: 4, sum: 0.4, sumSquares: 0.04 } : arm));
    expect(distributionOf(rule, few)).toMatchObject({ pmf: [1 / 3, 1 / 3, 1 / 3], epsilon: 1 });
    const { pmf, epsilon } = distributionOf(rule, rewards(-0.1, 12, 5));
    expect(pmf[1]).toBeCloseTo(0.98, 6);
    expect(epsilon).toBe(0.03);
  });

  it('sums to 1 and gives no arm less than ε/K', () => {
    const arm = fc
      .record({ matured: fc.nat(500), rate: fc.double({ min: 0, max: 1, noNaN: true }) })
      .map(({ matured, rate }) => ({ matured, sum: matured * rate, sumSquares: matured * rate }));
    fc.assert(
      fc.property(
        fc.tuple(arm, arm, arm),
        fc.constantFrom('epsilon-greedy', 'thompson', 'thompson-gaussian'),
        (arms, policy) => {
          const { pmf, epsilon } = distributionOf(exploration({ policy, floor: 0.06, warmUp: 3 }), arms);
          return Math.abs(sum(pmf) - 1) < 1e-9 && Math.min(...pmf) >= epsilon / 3 - 1e-12;
        },
      ),
      { numRuns: 60, seed: 4 },
    );
  });
});

describe('explore', () => {
  const distribution = distributionOf(exploration(), rewards(0.1, 0.9, 0.5));

  it('draws 1,000,000 decisions as often as their probabilities say, within binomial bounds', () => {
    const draws = 1_000_000;
    const counts = new Map<string, number>();
    for (let n = 0; n < draws; n += 1) {
      const { version } = explore(distribution, champion, '7', `decision-${n}`);
      counts.set(version, (counts.get(version) ?? 0) + 1);
    }
    distribution.pmf.forEach((probability, arm) => {
      const bound = 4.5 * Math.sqrt(draws * probability * (1 - probability));
      expect(Math.abs((counts.get(String(arm + 1)) ?? 0) - draws * probability)).toBeLessThan(bound);
    });
  }, 30_000);

  it('says what the probability of the served arm was, beside a canary too, and can be drawn again from its record', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.constantFrom(1, 0.9), (revision, decisionId, share) => {
        const choice = explore(distribution, { ...champion, propensity: share }, revision, decisionId);
        const { drawn, version, propensity } = choice;
        expect(drawn).toBeDefined();
        if (drawn === undefined) return;
        const at = drawn.arms.indexOf(version);
        expect(propensity).toBe(share * (drawn.pmf[at] ?? 0));
        expect(choice).toMatchObject({ arm: version === '1' ? 'champion' : 'canary', learn: true });
        expect(drawn.explore).toBe(version !== '2');
        expect(drawn.arms[drawArm('explore', drawn.seed, drawn.pmf)]).toBe(version);
        expect(explore(distribution, { ...champion, propensity: share }, revision, decisionId)).toEqual(choice);
      }),
    );
  });
});
