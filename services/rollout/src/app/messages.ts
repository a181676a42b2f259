import { encodeEvent, eventId, rollout, topics } from '@everloop/contracts';
import type { OutRecord } from '@everloop/kafka';
import type { Effect } from '../domain/decide.ts';

const source = 'everloop/rollout';

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
