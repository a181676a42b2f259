import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pythonRequirements, pythonVenv } from '@everloop/testing';
import { beforeAll, expect, it } from 'vitest';
import { directMethod, doublyRobust, importanceWeights, inversePropensity, selfNormalized } from '../src/index.ts';

/** The newest release; its metadata names Python below 3.11 although its estimators run on it. */
const openBanditPipeline = 'obp==0.5.7';
const tolerance = 1e-9;

interface Log {
  readonly reward: readonly number[];
  readonly action: readonly number[];
  readonly pscore: readonly number[];
  /** Probabilities of the candidate, [rows][arms]. */
  readonly policy: readonly (readonly number[])[];
  /** Modelled rewards, [rows][arms]. */
  readonly fitted: readonly (readonly number[])[];
  readonly clip: number | null;
}

interface Estimates {
  readonly ipw: number;
  readonly snipw: number;
  readonly dm: number;
  readonly dr: number;
}

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
function logOf(seed: number, rows: number, arms: number, clip: number | null): Log {
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

function ours({ reward, action, pscore, policy, fitted, clip }: Log): Estimates {
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

let python: string;

beforeAll(async () => {
  python = await pythonVenv('obp', pythonRequirements('obp'));
  const how = ['install', '--quiet', '--no-deps', '--no-build-isolation', '--ignore-requires-python'];
  const { status, stderr } = spawnSync(python, ['-m', 'pip', ...how, openBanditPipeline], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${openBanditPipeline} could not be installed: ${stderr}`);
});

it('IPS, SNIPS, DM and DR are those of Open Bandit Pipeline on the same logs, with clipping and without', () => {
  const logs = [1, 2, 3, 4, 5, 6, 7, 8].flatMap((seed) =>
    [null, 20, 5, 1.5].map((clip) => logOf(seed, 50 + 700 * seed, 2 + (seed % 5), clip)),
  );
  const script = join(import.meta.dirname, 'open-bandit-pipeline.py');
  const { stdout, stderr, status } = spawnSync(python, [script], {
    ...{ input: JSON.stringify(logs), encoding: 'utf8', maxBuffer: 1_048_576 },
  });
  expect(status, stderr).toBe(0);
  const theirs = JSON.parse(stdout) as readonly Estimates[];
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
