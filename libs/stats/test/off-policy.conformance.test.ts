import { openBanditPipeline, type BanditEstimates, type BanditLog } from '@everloop/testing';
import { expect, it } from 'vitest';
import { directMethod, doublyRobust, importanceWeights, inversePropensity, selfNormalized } from '../src/index.ts';

const tolerance = 1e-9;

/** Numbers in [0, 1) of a linear congruential generator (Knuth 1997, section 3.3.4, line 26). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32) / 2 ** 32;
}

function distribution(random: () => number, arms: number): readonly number[] {
  const parts = Array.from({ length: arms }, () => 0.02 + random() ** 3);
  const sum = parts.reduce((a, b) => a + b, 0);
  return parts.map((part) => part / sum);
}

function drawn(pmf: readonly number[], u: number): number {
  let below = 0;
  return Math.min(pmf.length - 1, pmf.findIndex((probability) => u < (below += probability)) >>> 0);
}

/** A log of a policy that depends on the row, and a candidate: one fixed arm for even seeds, a mixture for odd ones. */
function logOf(seed: number, rows: number, arms: number, clip: number | null): BanditLog {
  const random = numbers(seed);
  const logged = Array.from({ length: rows }, () => distribution(random, arms));
  const action = logged.map((pmf) => drawn(pmf, random()));
  const fixed = Array.from({ length: arms }, (_, arm) => (arm === seed % arms ? 1 : 0));
  return {
    action,
    pscore: action.map((arm, row) => logged[row]?.[arm] ?? 1),
    reward: action.map((arm) => arm * 0.3 - 1 + 4 * (random() - 0.5)),
    policy: logged.map(() => (seed % 2 === 0 ? fixed : distribution(random, arms))),
    fitted: logged.map((pmf) => pmf.map((_, arm) => arm * 0.25 - 0.9 + 0.2 * random())),
    clip,
  };
}

function ours({ reward, action, pscore, policy, fitted, clip }: BanditLog): BanditEstimates {
  const target = action.map((arm, row) => policy[row]?.[arm] ?? 0);
  const weights = importanceWeights(target, pscore, clip ?? Infinity);
  const fittedLogged = action.map((arm, row) => fitted[row]?.[arm] ?? 0);
  const fittedTarget = fitted.map((q, row) => q.reduce((sum, one, arm) => sum + one * (policy[row]?.[arm] ?? 0), 0));
  return {
    ipw: inversePropensity(weights, reward),
    snipw: selfNormalized(weights, reward),
    dm: directMethod(fittedTarget),
    dr: doublyRobust({ weights, rewards: reward, fittedLogged, fittedTarget }),
  };
}

it('IPS, SNIPS, DM and DR are those of Open Bandit Pipeline on the same logs, with clipping and without', async () => {
  const logs = [1, 2, 3, 4, 5, 6, 7, 8].flatMap((seed) =>
    [null, 20, 5, 1.5].map((clip) => logOf(seed, 50 + 700 * seed, 2 + (seed % 5), clip)),
  );
  const theirs = await openBanditPipeline(logs);
  expect(theirs).toHaveLength(logs.length);
  let clipped = 0;
  for (const [at, log] of logs.entries()) {
    const [mine, reference] = [ours(log), theirs[at]];
    for (const name of ['ipw', 'snipw', 'dm', 'dr'] as const) {
      expect(Math.abs(mine[name] - (reference?.[name] ?? Number.NaN)), `log ${at}, ${name}`).toBeLessThan(tolerance);
    }
    if (log.clip !== null && Math.abs(mine.ipw - ours({ ...log, clip: null }).ipw) > 1e-3) clipped += 1;
  }
  // Else the bounds would not have been tried.
  expect(clipped).toBeGreaterThan(5);
});
