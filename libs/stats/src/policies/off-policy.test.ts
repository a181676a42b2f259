import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  directMethod,
  doublyRobust,
  doublyRobustTerms,
  effectiveSampleSize,
  importanceWeights,
  inversePropensity,
  selfNormalized,
} from './off-policy.ts';

const unit = fc.double({ min: 0, max: 1, noNaN: true });
const row = fc.record({
  target: unit,
  propensity: fc.double({ min: 0.01, max: 1, noNaN: true }),
  reward: fc.integer({ min: -50, max: 50 }),
  logged: fc.integer({ min: -50, max: 50 }),
  fitted: fc.integer({ min: -50, max: 50 }),
});
const rows = fc.array(row, { minLength: 1, maxLength: 40 });
type Row = typeof row extends fc.Arbitrary<infer R> ? R : never;

const columns = (some: readonly Row[], clip?: number) => ({
  weights: importanceWeights(
    some.map(({ target }) => target),
    some.map(({ propensity }) => propensity),
    clip,
  ),
  rewards: some.map(({ reward }) => reward),
  fittedLogged: some.map(({ logged }) => logged),
  fittedTarget: some.map(({ fitted }) => fitted),
});

/** Every row of a log in which arm a is drawn with `pmf[a]` and earns `means[a]`, as often as it is probable: no chance is left. */
function wholeLog(pmf: readonly number[], means: readonly number[], times: number) {
  return pmf.flatMap((probability, arm) =>
    Array.from({ length: Math.round(probability * times) }, () => ({
      arm,
      propensity: probability,
      reward: means[arm] ?? 0,
    })),
  );
}

describe('the estimators', () => {
  it.each([
    ['always the rare arm', [0, 0, 1], 7],
    ['always the frequent arm', [1, 0, 0], 2],
    ['a mixture', [0.5, 0, 0.5], 4.5],
    ['the policy that was logged', [0.6, 0.3, 0.1], 2.8],
  ])('say what a policy earns: %s', (_name, policy, value) => {
    const log = wholeLog([0.6, 0.3, 0.1], [2, 3, 7], 1_000);
    const weights = importanceWeights(
      log.map(({ arm }) => policy[arm] ?? 0),
      log.map(({ propensity }) => propensity),
    );
    const rewards = log.map(({ reward }) => reward);
    expect(inversePropensity(weights, rewards)).toBeCloseTo(value, 10);
    expect(selfNormalized(weights, rewards)).toBeCloseTo(value, 10);
    for (const q of [0, 5]) {
      const wrongModel = { weights, rewards, fittedLogged: rewards.map(() => q), fittedTarget: rewards.map(() => q) };
      expect(doublyRobust(wrongModel)).toBeCloseTo(value, 10);
    }
  });

  it('doubly robust is right by a right model where the propensities are wrong', () => {
    const log = wholeLog([0.5, 0.5], [1, 3], 100);
    const weights = log.map(({ arm }) => (arm === 1 ? 17 : 0));
    const rewards = log.map(({ reward }) => reward);
    expect(doublyRobust({ weights, rewards, fittedLogged: rewards, fittedTarget: rewards.map(() => 3) })).toBe(3);
  });

  it('have no value without rows, or without weight', () => {
    expect(inversePropensity([], [])).toBeNaN();
    expect(selfNormalized([0, 0], [1, 1])).toBeNaN();
    expect(directMethod([])).toBeNaN();
  });

  it('do not depend on the order of rows', () => {
    fc.assert(
      fc.property(
        rows.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
        ([all, other]) => {
          const [a, b] = [columns(all), columns(other)];
          expect(inversePropensity(b.weights, b.rewards)).toBe(inversePropensity(a.weights, a.rewards));
          expect(selfNormalized(b.weights, b.rewards)).toEqual(selfNormalized(a.weights, a.rewards));
          expect(doublyRobust(b)).toBe(doublyRobust(a));
          expect(effectiveSampleSize(b.weights)).toBe(effectiveSampleSize(a.weights));
        },
      ),
    );
  });

  it('are IPS without a model, and the direct method where nothing has weight', () => {
    fc.assert(
      fc.property(rows, (some) => {
        const { weights, rewards, fittedTarget, fittedLogged } = columns(some);
        const none = rewards.map(() => 0);
        const ips = inversePropensity(weights, rewards);
        expect(doublyRobust({ weights, rewards, fittedLogged: none, fittedTarget: none })).toBeCloseTo(ips, 9);
        const dm = directMethod(fittedTarget);
        expect(doublyRobust({ weights: none, rewards, fittedLogged, fittedTarget })).toBeCloseTo(dm, 9);
      }),
    );
  });

  it('self-normalised stays within the rewards and moves with them', () => {
    fc.assert(
      fc.property(rows, (some) => {
        const { weights, rewards } = columns(some);
        fc.pre(weights.some((weight) => weight > 1e-6));
        const value = selfNormalized(weights, rewards);
        expect(value).toBeGreaterThanOrEqual(Math.min(...rewards) - 1e-9);
        expect(value).toBeLessThanOrEqual(Math.max(...rewards) + 1e-9);
        const moved = selfNormalized(
          weights,
          rewards.map((reward) => reward + 100),
        );
        expect(moved).toBeCloseTo(value + 100, 6);
      }),
    );
  });
});

describe('importanceWeights', () => {
  it('clips to at most the bound, and never changes smaller ones', () => {
    fc.assert(
      fc.property(rows, fc.double({ min: 0.5, max: 30, noNaN: true }), (some, clip) => {
        const [whole, clipped] = [columns(some).weights, columns(some, clip).weights];
        clipped.forEach((weight, at) => expect(weight).toBe(Math.min(clip, whole[at] ?? 0)));
      }),
    );
  });
});

describe('effectiveSampleSize', () => {
  it.each([
    ['equal weights', [3, 3, 3], 3],
    ['half without weight', [2, 2, 0, 0], 2],
    ['one alone', [9, 0, 0], 1],
    ['none', [0, 0], 0],
    ['no rows', [], 0],
  ])('%s', (_name, weights, expected) => {
    expect(effectiveSampleSize(weights)).toBe(expected);
  });

  it('is between 1 and the number of rows with weight, whatever the unit of the weights', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0.01, max: 50, noNaN: true }), { minLength: 1 }), (weights) => {
        const ess = effectiveSampleSize(weights);
        expect(ess).toBeGreaterThanOrEqual(1 - 1e-9);
        expect(ess).toBeLessThanOrEqual(weights.length * (1 + 1e-9));
        expect(effectiveSampleSize(weights.map((weight) => weight * 8))).toBeCloseTo(ess, 6);
      }),
    );
  });
});

describe('doublyRobustTerms', () => {
  it('add the weighted error of the model to what it says', () => {
    const terms = doublyRobustTerms({ weights: [0, 4], rewards: [9, 1], fittedLogged: [1, 0.5], fittedTarget: [2, 3] });
    expect([...terms]).toEqual([2, 5]);
  });
});
