import type { rollout } from '@everloop/contracts';
import { drawOf } from './hash.ts';

/** How a request came to its version. `pinned`: the request named the version itself. */
export type Arm = 'champion' | 'canary' | 'pinned';

export interface Choice {
  readonly arm: Arm;
  readonly version: string;
  /** Probability with which the arm was drawn, (0, 1]; 0 marks a fallback, which was not drawn at all. */
  readonly propensity: number;
  /** Version that should have answered but failed; absent when nothing failed. */
  readonly fallbackFrom?: string;
}

/** The part of a route that decides: the canary's weight is 0 where no canary can be served. */
export type RoutingPolicy = Pick<rollout.Route, 'championVersion' | 'canaryVersion' | 'canaryWeight' | 'salt'>;

/**
 * Canary or champion for one unit: the canary where the unit's draw is below its weight. Deterministic in salt and unit and
 * monotone in the weight.
 */
export function chooseArm(policy: RoutingPolicy, unit: string): Choice {
  const weight = Math.min(1, Math.max(0, policy.canaryWeight));
  if (policy.canaryVersion === '' || weight === 0) {
    return { arm: 'champion', version: policy.championVersion, propensity: 1 };
  }
  if (weight === 1 || drawOf(policy.salt, unit) < weight) {
    return { arm: 'canary', version: policy.canaryVersion, propensity: weight };
  }
  return { arm: 'champion', version: policy.championVersion, propensity: 1 - weight };
}

/** What answers when the canary failed: the champion, marked as not drawn. */
export function fallback(policy: RoutingPolicy, failed: Choice): Choice {
  return { arm: 'champion', version: policy.championVersion, propensity: 0, fallbackFrom: failed.version };
}

/** The shadows of one answered request: each once, never the version that answered. */
export function shadowsOf(shadowVersions: readonly string[], answeredBy: string): readonly string[] {
  return [...new Set(shadowVersions)].filter((version) => version !== answeredBy);
}

/**
 * The part of a route that can be served with the versions that are usable. Null when its champion is not: then the last good
 * route stays in force. An unusable canary gets no traffic and an unusable shadow is left out; both are in `missing`.
 */
export function servable(
  route: rollout.Route,
  usable: ReadonlySet<string>,
): { readonly route: rollout.Route; readonly missing: readonly string[] } | null {
  if (!usable.has(route.championVersion)) return null;
  const missing = versionsOf(route).filter((version) => !usable.has(version));
  const canary = usable.has(route.canaryVersion);
  return {
    route: {
      ...route,
      canaryVersion: canary ? route.canaryVersion : '',
      canaryWeight: canary ? route.canaryWeight : 0,
      shadowVersions: route.shadowVersions.filter((version) => usable.has(version)),
    },
    missing,
  };
}

/** Every version that a route names, champion first, each once. */
export function versionsOf(route: rollout.Route): readonly string[] {
  const named = [route.championVersion, route.canaryVersion, ...route.shadowVersions];
  return [...new Set(named)].filter((version) => version !== '');
}
