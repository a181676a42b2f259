import { encodeEvent, eventId, rollout, topics } from '@everloop/contracts';
import type { OutRecord } from '@everloop/kafka';
import type { Effect } from '../domain/decide.ts';
import type { ModelState } from '../domain/state.ts';

const source = 'everloop/rollout';

/** The route that is in force after a decision. */
export function routeOf(
  state: ModelState,
  effect: Extract<Effect, { kind: 'route' }>,
  eventTimeMs: number,
  shadowFirst: boolean,
): rollout.Route {
  const shadowed = shadowFirst && state.first !== null && state.first !== state.champion;
  return {
    model: state.model,
    revision: String(effect.revision),
    championVersion: state.champion ?? '',
    canaryVersion: state.canary?.version ?? '',
    canaryWeight: effect.canaryWeight,
    shadowVersions: shadowed ? [state.first] : [],
    eventTimeMs,
    // Fixed for the life of a canary, so that a larger weight keeps the units of a smaller one.
    salt: state.canary === null ? '' : `${state.model}/${state.canary.version}`,
  };
}

export function routeRecord(route: rollout.Route): OutRecord {
  const event = encodeEvent({
    id: eventId('route', route.model, route.revision),
    type: topics.route,
    source,
    subject: route.model,
    eventTimeMs: route.eventTimeMs,
    data: rollout.Route.toJSON(route),
  });
  return { topic: topics.route, partition: 0, key: route.model, ...event };
}

export function stepOf(
  model: string,
  effect: Extract<Effect, { kind: 'step' }>,
  eventTimeMs: number,
): rollout.RolloutStep {
  return {
    id: eventId('rollout-step', model, effect.version, effect.action, String(eventTimeMs)),
    model,
    version: effect.version,
    action: effect.action,
    canaryWeight: effect.canaryWeight,
    reason: effect.reason,
    eventTimeMs,
    previousChampion: effect.previousChampion,
  };
}

export function stepRecord(step: rollout.RolloutStep): OutRecord {
  const event = encodeEvent({
    id: step.id,
    type: topics.rolloutStep,
    source,
    subject: step.model,
    eventTimeMs: step.eventTimeMs,
    data: rollout.RolloutStep.toJSON(step),
  });
  return { topic: topics.rolloutStep, partition: 0, key: step.model, ...event };
}
