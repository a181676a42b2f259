import { drawArm, drawOf } from '@everloop/stats';
import { describe, expect, it } from 'vitest';
import { estimateArms, type EstimateOptions, type RewardedDecision } from './estimates.ts';

const options: EstimateOptions = {
  ...{ champion: '1', clip: 20, margin: 0.02, confidence: 0.95, resamples: 300, seed: 1 },
  range: { lower: 0, upper: 1 },
};

/** Decisions drawn with `pmf` under one revision; arm k is rewarded with probability means[k]. */
function drawn(
  count: number,
  pmf: readonly number[],
  means: readonly number[],
  more: Partial<RewardedDecision> = {},
): RewardedDecision[] {
  return Array.from({ length: count }, (_, n) => {
    const at = drawArm('explore', `${more.revision ?? ''}/${n}`, pmf);
    const reward = drawOf('reward', String(n)) < (means[at] ?? 0) ? 1 : 0;
    const propensity = pmf[at] ?? 0;
    return { unit: `u${n}`, revision: '7', arm: String(at + 1), arms: [], propensity, reward, ...more };
  });
}

describe('estimateArms', () => {
  it('says what each arm is worth, within its interval, and lets the better one pass and the worse one fail', () => {
    const decisions = drawn(12_000, [0.7, 0.2, 0.1], [0.5, 0.6, 0.35]);
    const [champion, better, worse] = estimateArms(decisions, { ...options, confidence: 0.999, resamples: 2_000 });
    for (const [estimate, truth] of [
      [champion, 0.5],
      [better, 0.6],
      [worse, 0.35],
    ] as const) {
      // prettier-ignore
      for (const one of [estimate?.ips, estimate?.snips, estimate?.dr]) {
        expect(one?.value).toBeCloseTo(truth, 1);
        expect(one?.lower).toBeLessThan(truth);
        expect(one?.upper).toBeGreaterThan(truth);
      }
      expect(estimate?.bernsteinLower).toBeLessThan(truth);
    }
    expect(champion).toMatchObject({ arm: '1', difference: null, gate: null, decisions: 12_000, units: 12_000 });
    expect(better?.gate?.verdict).toBe('pass');
    expect(better?.difference?.value).toBeCloseTo(0.1, 1);
    expect(worse?.gate?.verdict).toBe('fail');
  });

  it('does not depend on the order of the log', () => {
    const decisions = drawn(500, [0.5, 0.5], [0.2, 0.4]);
    expect(estimateArms([...decisions].reverse(), options)).toEqual(estimateArms(decisions, options));
  });

  it('is inconclusive where few decisions speak for an arm', () => {
    const [, few] = estimateArms(drawn(900, [0.5, 0.5], [0.1, 0.9]), options);
    expect(few?.gate).toMatchObject({ verdict: 'inconclusive', reason: expect.stringMatching(/^the effective/) });
  });

  it('leaves decisions out that could not have been the arm’s', () => {
    const before = drawn(5_000, [1], [0.5], { revision: 'before' });
    const [champion, other] = estimateArms([...before, ...drawn(5_000, [0.5, 0.5], [0.5, 0.5])], options);
    expect(champion?.decisions).toBe(10_000);
    expect(other?.decisions).toBe(5_000);
    expect(other?.ips.value).toBeCloseTo(0.5, 1);
  });

  it('takes the arms of a record for those that could have been drawn', () => {
    const decisions = drawn(10, [0.999, 0.001], [0.5, 0.5], { revision: 'a', arms: ['1', '2'] });
    const more = drawn(3, [0, 1], [0, 1], { revision: 'b' });
    expect(estimateArms([...decisions, ...more], options)[1]?.decisions).toBe(10);
  });

  it('counts units, and is less sure where they are few', () => {
    const decisions = drawn(4_000, [0.5, 0.5], [0.5, 0.5]);
    const width = (all: readonly RewardedDecision[]): number => {
      const [first] = estimateArms(all, options);
      return (first?.ips.upper ?? 0) - (first?.ips.lower ?? 0);
    };
    const sticky = decisions.map((one, n) => {
      const first = decisions[Math.floor(n / 100) * 100] ?? one;
      return { ...first, unit: `s${Math.floor(n / 100)}` };
    });
    expect(estimateArms(sticky, options)[0]?.units).toBe(40);
    expect(width(sticky)).toBeGreaterThan(3 * width(decisions));
  });

  it('clips weights and says how many', () => {
    const decisions = drawn(3_000, [0.98, 0.02], [0.5, 0.5]);
    const [, rare] = estimateArms(decisions, options);
    expect(rare?.clipped).toBe(rare?.own);
    expect(rare?.ips.value).toBeLessThan(0.35);
    expect(estimateArms(decisions, { ...options, clip: 1_000 })[1]?.clipped).toBe(0);
  });

  it('compares with what was done where there is no champion', () => {
    const estimates = estimateArms(drawn(4_000, [0.5, 0.5], [0.2, 0.8]), { ...options, champion: null });
    expect(estimates.map(({ gate }) => gate?.verdict)).toEqual(['fail', 'pass']);
    expect(estimates[1]?.difference?.value).toBeCloseTo(0.3, 1);
  });

  it('has nothing to say of nothing', () => {
    expect(estimateArms([], options)).toEqual([]);
  });
});
