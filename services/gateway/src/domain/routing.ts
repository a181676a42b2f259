import {
  challengerWeight,
  championWeight,
  drawBuckets,
  serving,
  type decisions,
  type rollout,
} from '@everloop/contracts';
import { drawOf } from '@everloop/stats';
import type { ActionDrawn } from './actions.ts';
import type { RequestRow } from './gate.ts';
import type { TargetTest } from './targets.ts';

/** How a request came to its version; only `champion` and `canary` were drawn. */
export type Arm = 'champion' | 'canary' | 'pinned' | 'sticky' | 'targeted' | 'fallback';

/** How an arm was drawn, as it is logged: enough to draw it again. */
export interface Drawn {
  readonly arms: readonly string[];
  /** Sums to 1. */
  readonly pmf: readonly number[];
  readonly seed: string;
  /** Share that was explored; of Thompson sampling its floor. */
  readonly epsilon: number;
  /** The arm is not one of the best. */
  readonly explore: boolean;
}

/** How units were divided, as it is logged, and as a part of an encoded `serving.v1.Inference`: made once for each route. */
export interface Division {
  readonly draw: decisions.CanaryDraw;
  readonly encoded: Uint8Array;
}

export interface Choice {
  readonly arm: Arm;
  readonly version: string;
  /** Probability with which the version was chosen, (0, 1]; 0 marks a fallback, which nobody drew. */
  readonly propensity: number;
  /** Drawn and answered as drawn: policies may be learned from it. */
  readonly learn: boolean;
  /** Name of the target that held. */
  readonly target?: string;
  /** How the units were divided when it was drawn; absent where nothing was, or where the route had no challengers. */
  readonly division?: Division | undefined;
  /** How the version was explored; absent where it was not. */
  readonly drawn?: Drawn;
  /** The actions of its rows, once they were drawn. */
  readonly acted?: readonly ActionDrawn[];
  /** What was chosen but failed; absent when nothing failed. */
  readonly intended?: { readonly arm: Arm; readonly version: string };
}

/** A route as requests are decided by it. */
export interface RoutingPolicy {
  readonly championVersion: string;
  /** Share of the draw that no challenger has, [0, 1]. */
  readonly championWeight: number;
  readonly salt: string;
  readonly challengers: readonly {
    readonly version: string;
    readonly weight: number;
    readonly ranges: readonly rollout.DrawRange[];
  }[];
  readonly targets: readonly { readonly name: string; readonly version: string; readonly holds: TargetTest }[];
  /** As draws are logged; undefined without challengers. */
  readonly division: Division | undefined;
  /** Divides what no challenger drew; null: it is all the champion's. */
  readonly exploration: rollout.Exploration | null;
  /** Versions that may answer, which are those that a sticky route may name. */
  readonly answering: ReadonlySet<string>;
}

/** What is known of a request when its version is chosen. */
export interface Ask {
  /** Version that the request names; empty: none. */
  readonly pinned: string;
  /** Version of an earlier answer that the client wants again; empty: none. */
  readonly sticky: string;
  readonly rows: readonly RequestRow[];
  readonly unit: string;
}

/** A route made ready for deciding. `testOf` compiles a target's expression; a target whose expression it refuses (null) is left out. */
export function compilePolicy(route: rollout.Route, testOf: (cel: string) => TargetTest | null): RoutingPolicy {
  const targets = route.targets.flatMap(({ name, cel, version }) => {
    const holds = testOf(cel);
    return holds === null ? [] : [{ name, version, holds }];
  });
  const challengers = route.challengers.map((challenger) => ({
    version: challenger.version,
    weight: challengerWeight(challenger),
    ranges: challenger.ranges,
  }));
  return {
    championVersion: route.championVersion,
    championWeight: championWeight(route),
    salt: route.salt,
    challengers,
    targets,
    division: challengers.length === 0 ? undefined : divisionOf(route),
    exploration: route.exploration ?? null,
    answering: new Set([
      ...[route.championVersion, ...(route.exploration?.versions ?? [])],
      ...[...challengers, ...targets].map(({ version }) => version),
    ]),
  };
}

function divisionOf({ salt, championVersion, challengers }: rollout.Route): Division {
  const draw = { salt, championVersion, challengers };
  return { draw, encoded: serving.Inference.encode(serving.Inference.fromPartial({ draw })).finish() };
}

/** The version of one request: the one that it names, else of its sticky route where that is valid, else of a target, else drawn. */
export function choose(policy: RoutingPolicy, ask: Ask): Choice {
  const { pinned, sticky, rows, unit } = ask;
  if (pinned !== '') return { arm: 'pinned', version: pinned, propensity: 1, learn: false };
  if (sticky !== '' && policy.answering.has(sticky)) {
    return { arm: 'sticky', version: sticky, propensity: 1, learn: false };
  }
  for (const { name, version, holds } of policy.targets) {
    if (holds(rows, unit)) return { arm: 'targeted', version, propensity: 1, learn: false, target: name };
  }
  return draw(policy, unit);
}

/**
 * Challenger or champion for one unit, by the bucket of its draw. Deterministic in salt and unit; a challenger whose ranges grow keeps
 * the units that it had. O(ranges).
 */
export function draw(
  policy: Pick<RoutingPolicy, 'championVersion' | 'championWeight' | 'salt' | 'challengers' | 'division'>,
  unit: string,
): Choice {
  const { division } = policy;
  if (policy.challengers.length > 0) {
    const bucket = Math.floor(drawOf(policy.salt, unit) * drawBuckets);
    for (const { version, weight, ranges } of policy.challengers) {
      for (const { from, to } of ranges) {
        if (bucket >= from && bucket < to) return { arm: 'canary', version, propensity: weight, learn: true, division };
      }
    }
  }
  const { championVersion: version, championWeight: propensity } = policy;
  return { arm: 'champion', version, propensity, learn: true, division };
}

/** What answers when the chosen version failed: the champion, marked as not drawn. */
export function fallback(policy: Pick<RoutingPolicy, 'championVersion'>, failed: Choice): Choice {
  const { arm, version, division, drawn } = failed;
  const instead = { version: policy.championVersion, propensity: 0, learn: false };
  // How the failed one was drawn is logged, so that its draw can be done again.
  return { arm: 'fallback', ...instead, division, ...(drawn && { drawn }), intended: { arm, version } };
}

/** Whether the champion may answer in place of a version that failed: not where the request asked for that very version. */
export function mayFallBack({ arm, version }: Choice, championVersion: string): boolean {
  return arm !== 'pinned' && arm !== 'fallback' && version !== championVersion;
}

/** The shadows that see one answered request: each once, never the version that answered; a share of the units, by a draw of its own. */
export function shadowsOf(
  { shadows, salt }: Pick<rollout.Route, 'shadows' | 'salt'>,
  answeredBy: string,
  unit: string,
): readonly rollout.Shadow[] {
  return shadows.filter(
    ({ version, share }, at) =>
      version !== answeredBy &&
      shadows.findIndex((other) => other.version === version) === at &&
      (share >= 1 || drawOf(`${salt}\0shadow\0${version}`, unit) < share),
  );
}

/**
 * The part of a route that can be served with the versions that are usable. Null when its champion is not: then the last good
 * route stays in force. An unusable challenger gives its share to the champion; what else is unusable is left out. All are in `missing`.
 */
export function servable(
  route: rollout.Route,
  usable: ReadonlySet<string>,
): { readonly route: rollout.Route; readonly missing: readonly string[] } | null {
  if (!usable.has(route.championVersion)) return null;
  const isUsable = ({ version }: { readonly version: string }): boolean => usable.has(version);
  return {
    route: {
      ...route,
      challengers: route.challengers.filter(isUsable),
      targets: route.targets.filter(isUsable),
      shadows: route.shadows.filter(isUsable),
      exploration: route.exploration && {
        ...route.exploration,
        versions: route.exploration.versions.filter((version) => usable.has(version)),
      },
      standbyVersions: route.standbyVersions.filter((version) => usable.has(version)),
    },
    missing: versionsOf(route).filter((version) => !usable.has(version)),
  };
}

/** Every version that a route names, champion first, each once. */
export function versionsOf(route: rollout.Route): readonly string[] {
  const named = [...route.challengers, ...route.targets, ...route.shadows].map(({ version }) => version);
  const explored = route.exploration?.versions ?? [];
  const all = [route.championVersion, ...named, ...explored, ...route.standbyVersions];
  return [...new Set(all)].filter((version) => version !== '');
}
