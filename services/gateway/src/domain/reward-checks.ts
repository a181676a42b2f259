import type { servingApi } from '@everloop/contracts';
import { isEventTime } from './parameters.ts';

/** Rewards of one call. */
export const rewardsMax = 1_000;
const textMax = 512;
/** How far a clock may be ahead of this one's, milliseconds. */
const aheadMs = 86_400_000;

/** What the rewards of a model lie in, ends included. */
export interface RewardRange {
  readonly min: number;
  readonly max: number;
}

/** Everything for which a reward could never count; `nowMs` is the time of day. */
export function rewardProblems(reward: servingApi.RewardRequest, range: RewardRange, nowMs: number): readonly string[] {
  const { decisionId, kind, eventTimeMs = 0, idempotencyKey, source } = reward;
  const problems: string[] = [];
  if (decisionId === '') problems.push('decision_id is missing: it is in the answer that the reward is about');
  for (const [name, text] of Object.entries({ decision_id: decisionId, idempotency_key: idempotencyKey, source }))
    if (text.length > textMax) problems.push(`${name} has ${text.length} characters, at most ${textMax}`);
  if (kind !== '' && kind !== 'reward' && kind !== 'deactivate')
    problems.push(`kind '${kind.slice(0, 64)}' is not known, expected 'reward' or 'deactivate'`);
  const wrong = valueProblem(reward, range);
  if (wrong !== null) problems.push(wrong);
  if (!isEventTime(eventTimeMs)) problems.push('event_time_ms must be epoch milliseconds');
  else if (eventTimeMs > nowMs + aheadMs) problems.push(`event_time_ms ${eventTimeMs} has not come yet`);
  return problems;
}

function valueProblem({ value, kind }: servingApi.RewardRequest, { min, max }: RewardRange): string | null {
  if (kind === 'deactivate') return value === undefined || Number.isFinite(value) ? null : `value is ${value}`;
  if (value === undefined) return 'value is missing';
  if (!Number.isFinite(value)) return `value is ${value}, expected a finite number`;
  return value < min || value > max ? `value ${value} is out of range, expected ${min} to ${max}` : null;
}
