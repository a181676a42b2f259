import { eventId } from './events.ts';
import type { RewardReceived } from './gen/everloop/serving/v1/decision.ts';

/**
 * What makes two rewards of a decision the same reward: the key that they were given, else everything that they say. So a reward that is
 * sent again, by whatever way, is recognised; whoever means two equal rewards gives them keys.
 */
export function rewardKey({ kind, value, eventTimeMs, source, idempotencyKey }: RewardReceived): string {
  if (idempotencyKey !== '') return idempotencyKey;
  return eventId('reward', kind, String(value), String(eventTimeMs), source);
}
