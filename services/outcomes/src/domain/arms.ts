import type { Settled } from './types.ts';

/** What one arm has earned in this partition. */
export interface ArmTotals {
  readonly matured: number;
  /** Sum of rewards, 1e-9; whole, so that any order of adding gives the same. */
  readonly rewardNano: number;
  /** Sum of squared rewards, 1e-6; whole. */
  readonly rewardSquaredMicro: number;
}

/** By model version. */
export type Arms = Map<string, ArmTotals>;

/** Versions kept: far more than can be explored at once; those that came first are forgotten first. */
const armsMax = 256;

/**
 * The reward of a labelled prediction, in [0, 1] and fractional: one less the squared error of the score (Brier 1950, Monthly Weather
 * Review 78, 1-3). In units of 1e-9.
 *
 * @example rewardNano(0.9, 1) === 990_000_000
 */
export function rewardNano(score: number, label: 0 | 1): number {
  const distance = Math.min(1, Math.abs(score - label));
  return Math.round((1 - distance * distance) * 1e9);
}

/**
 * Adds what was settled to the totals, in place, and returns the arms that changed. Only drawn predictions count, so that what a client or
 * a rule chose does not pass for the arm's own merit; one without a label has no reward. A prediction settles once, so a repeated or
 * second label changes nothing.
 */
export function addRewards(arms: Arms, settled: readonly Settled[]): ReadonlyMap<string, ArmTotals> {
  const changed = new Map<string, ArmTotals>();
  for (const one of settled) {
    const { learn, modelVersion, score } = one.prediction;
    if (!learn || one.kind !== 'labelled') continue;
    const before = arms.get(modelVersion) ?? { matured: 0, rewardNano: 0, rewardSquaredMicro: 0 };
    const nano = rewardNano(score, one.label);
    const after = {
      matured: before.matured + 1,
      rewardNano: before.rewardNano + nano,
      rewardSquaredMicro: before.rewardSquaredMicro + Math.round((nano / 1e9) ** 2 * 1e6),
    };
    arms.set(modelVersion, after);
    changed.set(modelVersion, after);
  }
  for (const version of arms.keys()) {
    if (arms.size <= armsMax) break;
    if (!changed.has(version)) arms.delete(version);
  }
  return changed;
}
