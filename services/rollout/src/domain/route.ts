import type { rollout, RolloutSpec } from '@everloop/contracts';
import { trialWeight } from './decide.ts';
import { divideDraw, type Wanted } from './ranges.ts';
import type { ModelState } from './state.ts';

/** A route without what says when it was made. */
export type RouteContent = Omit<rollout.Route, 'revision' | 'eventTimeMs'>;

/** Differences of scores that do not matter, where nobody said. */
const defaultTolerance = 0.01;

/**
 * Who answers for a model, from what was decided and what its Rollout says; null before there is a champion. A version has one role: what
 * answers is no shadow, and what is on trial or champion is no standing challenger beside it. `before` is the route in force, whose
 * draw is changed as little as can be.
 */
export function composeRoute(
  state: ModelState,
  spec: RolloutSpec,
  before: Pick<rollout.Route, 'challengers'> | null,
): RouteContent | null {
  const champion = spec.champion ?? state.champion;
  if (champion === null) return null;
  const trial = spec.champion === undefined ? (state.canary?.version ?? null) : null;
  const isBlueGreen = spec.strategy === 'blue-green';
  const wanted: readonly Wanted[] = [
    ...(trial === null || isBlueGreen ? [] : [{ version: trial, weight: trialWeight(state, spec) }]),
    ...spec.challengers.filter(({ version }) => version !== champion && version !== trial),
  ];
  const targets = spec.targets.map(({ name, cel, version }) => ({ name, cel, version }));
  const exploration = explorationOf(spec, champion, trial);
  const drawn = [...wanted, ...targets].map(({ version }) => version);
  const answering = new Set([champion, ...drawn, ...(exploration?.versions ?? [])]);
  const shadows = new Map<string, rollout.Shadow>();
  for (const shadow of spec.shadows) shadows.set(shadow.version, { ...shadow });
  const always = (version: string | null): void => {
    if (version !== null) shadows.set(version, { ...(shadows.get(version) ?? whole(version)), share: 1 });
  };
  if (spec.shadowFirst) always(state.first);
  if (isBlueGreen) always(trial);
  const standby = [
    ...(isBlueGreen ? [trial, state.previous] : []),
    ...(spec.champion === undefined ? [] : [state.champion]),
  ].filter((version) => version !== null && version !== champion);
  return {
    model: state.model,
    championVersion: champion,
    salt: state.model,
    challengers: [...divideDraw(before?.challengers ?? [], wanted)],
    targets,
    shadows: [...shadows.values()].filter(({ version }) => !answering.has(version)),
    exploration,
    standbyVersions: [...new Set(standby)].filter((version) => version !== null),
  };
}

/** The champion and what is tried beside it; what is on trial has its own share. Nothing where nothing else is left to try. */
function explorationOf(
  { exploration }: RolloutSpec,
  champion: string,
  trial: string | null,
): rollout.Exploration | undefined {
  if (exploration === undefined) return undefined;
  const others = exploration.versions.filter((version) => version !== champion && version !== trial);
  return others.length === 0 ? undefined : { ...exploration, versions: [champion, ...others] };
}

function whole(version: string): rollout.Shadow {
  return { version, share: 1, tolerance: defaultTolerance };
}
