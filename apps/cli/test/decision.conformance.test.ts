import { drawArm, drawOf } from '@everloop/stats';
import { openBanditPipeline } from '@everloop/testing';
import { expect, it } from 'vitest';
import { estimateArms, type RewardedDecision } from '../src/decision/estimates.ts';

const arms = ['1', '2', '3'];

/** Decisions of 400 units under two policies, each unit several times. */
function log(seed: number): RewardedDecision[] {
  return Array.from({ length: 3_000 }, (_, n) => {
    const pmf = n % 2 === 0 ? [0.8, 0.15, 0.05] : [0.4, 0.2, 0.4];
    const at = drawArm('explore', `${seed}/${n}`, pmf);
    const reward = 0.2 * at - 1.5 + drawOf(`reward ${seed}`, String(n));
    return {
      unit: `u${n % 400}`,
      revision: String(n % 2),
      arm: arms[at] ?? '',
      arms,
      propensity: pmf[at] ?? 0,
      reward,
    };
  });
}

/** Mean reward of each arm in the other half of the units: the model of the reward that DR uses, written down a second time. */
function fitted(decisions: readonly RewardedDecision[]): number[][] {
  const half = (unit: string): boolean => drawOf('cross-fit', unit) < 0.5;
  const means = new Map(
    [true, false].flatMap((first) =>
      arms.map((arm): [string, number] => {
        const rewards = decisions
          .filter((one) => half(one.unit) !== first && one.arm === arm)
          .map(({ reward }) => reward);
        return [`${first}/${arm}`, rewards.reduce((a, b) => a + b, 0) / rewards.length];
      }),
    ),
  );
  return decisions.map(({ unit }) => arms.map((arm) => means.get(`${half(unit)}/${arm}`) ?? 0));
}

it('estimates from logged decisions are those of Open Bandit Pipeline on the same log', async () => {
  const cases = [1, 2, 3].flatMap((seed) => [1e9, 4].map((clip) => ({ clip, decisions: log(seed) })));
  const logs = cases.flatMap(({ clip, decisions }) =>
    arms.map((arm) => ({
      reward: decisions.map(({ reward }) => reward),
      action: decisions.map((one) => arms.indexOf(one.arm)),
      pscore: decisions.map(({ propensity }) => propensity),
      policy: decisions.map(() => arms.map((one) => (one === arm ? 1 : 0))),
      fitted: fitted(decisions),
      clip,
    })),
  );
  const theirs = await openBanditPipeline(logs);
  for (const [at, { clip, decisions }] of cases.entries()) {
    const options = { clip, champion: '1', margin: 0.01, confidence: 0.95, resamples: 100, seed: 1 };
    const ours = estimateArms(decisions, { ...options, range: { lower: -2, upper: 1 } });
    expect(ours.map(({ arm }) => arm)).toEqual(arms);
    for (const [place, mine] of ours.entries()) {
      const reference = theirs[at * arms.length + place];
      const distance = (one: number, other: number | undefined): number => Math.abs(one - (other ?? Number.NaN));
      expect(distance(mine.ips.value, reference?.ipw)).toBeLessThan(1e-9);
      expect(distance(mine.snips.value, reference?.snipw)).toBeLessThan(1e-9);
      expect(distance(mine.dr.value, reference?.dr)).toBeLessThan(1e-9);
      expect(mine.decisions).toBe(decisions.length);
    }
  }
});
