import type { Ending, Settled } from './types.ts';

/** What one arm has earned in this partition. */
export interface ArmTotals {
  readonly matured: number;
  /** Sum of rewards, 1e-9; whole, so that any order of adding gives the same. */
  readonly rewardNano: number;
  /** Sum of squared rewards, 1e-6; whole. */
  readonly rewardSquaredMicro: number;
}

/** By arm: by model version where labels are joined. */
export type Arms = Map<string, ArmTotals>;

/** Versions kept: far more than can be explored at once; those that came first are forgotten first. */
const armsMax = 256;

/**
 * The reward of a labelled prediction, in [0, 1] and fractional: one less the squared error of the score (Brier 1950, Monthly Weather
 * Review 78, 1-3). In units of 1e-9.
 *
 * @example rewardNano(0.9, 1) === 990_000_000
 */
export function rewardNano(score: number, label: number): number {
  const distance = Math.min(1, Math.abs(score - label));
  return Math.round((1 - distance * distance) * 1e9);
}

/** Adds one reward, in units of 1e-9, or with `sign` -1 takes it away, to the totals of an arm, in place, and returns them. */
export function addTo(arms: Arms, arm: string, nano: number, sign: 1 | -1 = 1): ArmTotals {
  const before = arms.get(arm) ?? { matured: 0, rewardNano: 0, rewardSquaredMicro: 0 };
  const after = {
    matured: before.matured + sign,
    rewardNano: before.rewardNano + sign * nano,
    rewardSquaredMicro: before.rewardSquaredMicro + sign * Math.round((nano / 1e9) ** 2 * 1e6),
  };
  arms.set(arm, after);
  return after;
}

/**
 * Adds what was settled to the totals, in place, and returns the arms that changed. Only drawn predictions count, so that what a client or
 * a rule chose does not pass for the arm's own merit; one without a label, given or by default, has no reward. What an ending replaces is
 * taken away.
 */
export function addRewards(arms: Arms, settled: readonly Settled[]): ReadonlyMap<string, ArmTotals> {
  const changed = new Map<string, ArmTotals>();
  for (const one of settled) {
    const { learn, modelVersion, score } = one.prediction;
    if (!learn) continue;
    const add = (ending: Ending | null, sign: 1 | -1): void => {
      if (ending === null || ending.kind === 'expired') return;
      changed.set(modelVersion, addTo(arms, modelVersion, rewardNano(score, ending.label), sign));
    };
    add(one.replaces, -1);
    add(one.ending, 1);
  }
  trimArms(arms, changed, armsMax);
  return changed;
}

/** Forgets the arms that came first, but those that changed, until there are at most `max`. */
export function trimArms(arms: Arms, changed: ReadonlyMap<string, unknown>, max: number): void {
  for (const arm of arms.keys()) {
    if (arms.size <= max) break;
    if (!changed.has(arm)) arms.delete(arm);
  }
}
