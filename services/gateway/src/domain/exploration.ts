import type { rollout } from '@everloop/contracts';
import {
  type ArmMoments,
  armMeans,
  bestArms,
  drawArm,
  epsilonAfter,
  epsilonGreedy,
  hasPosterior,
  thompson,
  thompsonGaussian,
} from '@everloop/stats';
import type { Choice } from './routing.ts';

/** Probabilities of the arms at one state of their rewards. */
export interface Distribution {
  readonly arms: readonly string[];
  readonly pmf: readonly number[];
  readonly epsilon: number;
  /** Places of the arms that look best. */
  readonly best: ReadonlySet<number>;
}

/** How an exploration stands. */
export interface ExplorationReport {
  readonly model: string;
  /** Share of the requests that are explored. */
  readonly epsilon: number;
  readonly arms: readonly { readonly version: string; readonly matured: number }[];
}

/** The probabilities that an exploration gives its arms, whose rewards are in the order of its versions. */
export function distributionOf(exploration: rollout.Exploration, rewards: readonly ArmMoments[]): Distribution {
  const { versions: arms, warmUp, policy, floor } = exploration;
  const best = bestArms(armMeans(rewards));
  const isWarm = (arm: ArmMoments): boolean =>
    arm.matured >= warmUp && (policy !== 'thompson-gaussian' || hasPosterior(arm));
  if (!rewards.every(isWarm)) {
    return { arms, pmf: arms.map(() => 1 / arms.length), epsilon: 1, best };
  }
  if (policy === 'thompson') return { arms, pmf: thompson(rewards, floor), epsilon: floor, best };
  if (policy === 'thompson-gaussian') return { arms, pmf: thompsonGaussian(rewards, floor), epsilon: floor, best };
  const epsilon = epsilonAfter(
    exploration,
    rewards.reduce((sum, { matured }) => sum + matured, 0),
  );
  return { arms, pmf: epsilonGreedy(armMeans(rewards), epsilon), epsilon, best };
}

/**
 * Draws an arm in place of the champion. The draw is the hash of revision and decision id, so that the same decision under the same policy
 * is the same arm. The propensity is that of the arm times the share of requests that came here.
 */
export function explore(distribution: Distribution, champion: Choice, revision: string, decisionId: string): Choice {
  const seed = `${revision}/${decisionId}`;
  const { arms, pmf, epsilon, best } = distribution;
  const at = drawArm('explore', seed, pmf);
  const version = arms[at] ?? champion.version;
  return {
    arm: version === champion.version ? 'champion' : 'canary',
    version,
    propensity: champion.propensity * (pmf[at] ?? 1),
    learn: true,
    division: champion.division,
    drawn: { arms, pmf, seed, epsilon, explore: !best.has(at) },
  };
}
