import { eventId, isLogged } from '@everloop/contracts';
import { drawOf } from '@everloop/stats';
import { describe, expect, it } from 'vitest';
import { labelledAs, predictionOf, settledOf } from '../../test/fixtures.ts';
import { addRewards, type Arms } from './arms.ts';
import { summarise } from './stats.ts';
import type { Settled } from './types.ts';

const made = 20_000;

/** Outcomes of two versions of different merit, of which a share is logged by the hash of their decision. */
function outcomesOf(seed: string, share: number): readonly Settled[] {
  return Array.from({ length: made }, (_, n): Settled => {
    const decisionId = eventId('decision', seed, String(n));
    const score = 0.05 + 0.9 * drawOf('score', decisionId);
    const isSecond = n % 4 === 0;
    // The second version is right more often than its scores say.
    const label = drawOf('label', decisionId) < (isSecond ? score ** 0.7 : score) ? 1 : 0;
    const modelVersion = isSecond ? '2' : '1';
    return settledOf(predictionOf({ decisionId, joinKey: decisionId, modelVersion, score }), labelledAs(label));
  }).filter(({ prediction }) => isLogged(prediction.decisionId, share));
}

function lossesOf(settled: readonly Settled[]) {
  return summarise({ read: [], settled }, { waitMs: 0, isNumeric: false }).map(
    ({ labelled, logLossNano, logLossSquaredMicro }) => {
      const mean = logLossNano / 1e9 / labelled;
      return { labelled, mean, error: Math.sqrt((logLossSquaredMicro / 1e6 / labelled - mean ** 2) / labelled) };
    },
  );
}

describe('outcomes of a model that logs a share of its predictions', () => {
  it.each([0.05, 0.25])(
    '%d: mean losses are those of all within their own standard errors, which know how few there are',
    (share) => {
      let [inside, all] = [0, 0];
      for (const seed of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) {
        const [whole, logged] = [lossesOf(outcomesOf(seed, 1)), lossesOf(outcomesOf(seed, share))];
        logged.forEach(({ labelled, mean, error }, at) => {
          const { labelled: total = 0, mean: truth = NaN, error: least = NaN } = whole[at] ?? {};
          expect(Math.abs(labelled / share - total)).toBeLessThan(6 * Math.sqrt((total * (1 - share)) / share));
          expect((error / least) * Math.sqrt(share)).toBeGreaterThan(0.7);
          expect((error / least) * Math.sqrt(share)).toBeLessThan(1.4);
          all += 1;
          if (Math.abs(mean - truth) < 2 * error) inside += 1;
        });
      }
      // Sixteen means, each within two standard errors with probability 0.95 or more.
      expect(all).toBe(16);
      expect(inside).toBeGreaterThanOrEqual(13);
    },
  );

  it('what arms have earned is the same for each decision, and counts as many as are logged', () => {
    const totals = (share: number) => {
      const arms: Arms = new Map();
      addRewards(arms, outcomesOf('arms', share));
      return arms;
    };
    const [whole, logged] = [totals(1), totals(0.1)];
    for (const [arm, { matured, rewardNano, rewardSquaredMicro }] of logged) {
      const truth = whole.get(arm) ?? { matured: 0, rewardNano: NaN };
      const mean = rewardNano / 1e9 / matured;
      const error = Math.sqrt((rewardSquaredMicro / 1e6 / matured - mean ** 2) / matured);
      expect(Math.abs(mean - truth.rewardNano / 1e9 / truth.matured)).toBeLessThan(4 * error);
      expect(matured / truth.matured).toBeCloseTo(0.1, 1);
    }
    expect([...logged.keys()].sort()).toEqual(['1', '2']);
  });
});
