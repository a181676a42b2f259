import { addTo, trimArms, type Arms, type ArmTotals } from './arms.ts';
import type { SettledReward } from './reward-types.ts';

/** An arm of a model and what its kind is: a `version` or an `action`. */
export interface RewardedArm {
  readonly model: string;
  readonly basis: 'version' | 'action';
  readonly arm: string;
}

/** Arms kept for all models: far more than can be explored at once. */
const armsMax = 4_096;
const separator = '\0';

/** The key of an arm among all arms of a partition. */
export function rewardArmKey({ model, basis, arm }: RewardedArm): string {
  return [model, basis, arm].join(separator);
}

/**
 * Where the value of a decision lies in its range, in units of 1e-9: arms are compared by it, and Beta arms need it to be in [0, 1].
 *
 * @example rewardShareNano(5, { min: 0, max: 10 }) === 500_000_000
 */
export function rewardShareNano(value: number, { min, max }: { readonly min: number; readonly max: number }): number {
  return Math.round(Math.min(1, Math.max(0, (value - min) / (max - min))) * 1e9);
}

/**
 * Adds decisions that were settled to what their arms have earned, in place, and returns the arms that changed. Late rewards and inactive
 * decisions change nothing; a version earns what was drawn for it, an action what was chosen for it, also by a version that somebody named.
 */
export function addSettled(
  arms: Arms,
  settled: readonly SettledReward[],
): ReadonlyMap<string, { readonly of: RewardedArm; readonly totals: ArmTotals }> {
  const changed = new Map<string, { of: RewardedArm; totals: ArmTotals }>();
  for (const { state, decision, value } of settled) {
    if (state === 'late' || state === 'inactive') continue;
    const { model, modelVersion, action, learn, propensity, rule } = decision;
    const nano = rewardShareNano(value, rule);
    const earning: RewardedArm[] = learn ? [{ model, basis: 'version', arm: modelVersion }] : [];
    if (action !== '' && propensity > 0) earning.push({ model, basis: 'action', arm: action });
    for (const of of earning) {
      const key = rewardArmKey(of);
      changed.set(key, { of, totals: addTo(arms, key, nano) });
    }
  }
  trimArms(arms, changed, armsMax);
  return changed;
}
