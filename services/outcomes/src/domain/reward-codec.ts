import { decisions, rewardKey, rewards } from '@everloop/contracts';
import type { Decision, Reward, RewardEntry, RewardState, SettledReward } from './reward-types.ts';

const entryPrefix = 'decision/';
const armPrefix = 'arm/';
/** What is longer is no key and no id. */
const textMax = 512;

/** Key of an entry in the changelog. */
export function entryKey(decisionId: string): string {
  return entryPrefix + decisionId;
}

/** The decision id of a key in the changelog; null where it is the key of an arm. */
export function decisionOfKey(key: string): string | null {
  return key.startsWith(entryPrefix) ? key.slice(entryPrefix.length) : null;
}

/** Key of an arm's totals in the changelog. */
export function rewardArmLogKey(model: string, basis: string, arm: string): string {
  return `${armPrefix}${model}/${basis}/${arm}`;
}

/** A decision from its topic. Throws on bytes that are none. */
export function decodeDecision(bytes: Uint8Array): Decision {
  const decision = decisions.Decision.decode(bytes);
  const rule = decision.rule ?? decisions.RewardRule.fromPartial({});
  return {
    decisionId: decision.decisionId,
    model: decision.model,
    modelVersion: decision.modelVersion,
    action: decision.choice?.action ?? '',
    unit: decision.unit,
    propensity: decision.propensity,
    learn: decision.learn,
    decidedAtMs: decision.eventTimeMs,
    rule: {
      waitMs: rule.waitMs,
      defaultValue: rule.defaultValue,
      aggregate: rule.aggregate === 'sum' ? 'sum' : 'earliest',
      min: rule.min,
      max: rule.max,
    },
  };
}

/** A reward from its topic, where anybody may write; null where it is none that can be used. `writtenAtMs` is the time of the record. */
export function readReward(value: Buffer | null, writtenAtMs: number): Reward | null {
  const received = parse(value);
  if (received === null) return null;
  const kind = received.kind === '' ? 'reward' : received.kind;
  const { decisionId, value: worth } = received;
  const key = rewardKey(received);
  if (kind !== 'reward' && kind !== 'deactivate') return null;
  if (decisionId === '' || decisionId.length > textMax || key.length > textMax || !Number.isFinite(worth)) return null;
  const eventTimeMs = received.eventTimeMs === 0 ? writtenAtMs : received.eventTimeMs;
  return Number.isSafeInteger(eventTimeMs) ? { decisionId, kind, value: worth, eventTimeMs, key } : null;
}

function parse(value: Buffer | null): decisions.RewardReceived | null {
  try {
    return value === null ? null : decisions.RewardReceived.fromJSON(JSON.parse(value.toString('utf8')));
  } catch {
    return null;
  }
}

const states: Readonly<Record<RewardState, rewards.RewardState>> = {
  rewarded: rewards.RewardState.REWARDED,
  defaulted: rewards.RewardState.DEFAULTED,
  inactive: rewards.RewardState.INACTIVE,
  late: rewards.RewardState.LATE,
};

/** The event of a settled decision or a late reward, binary. */
export function encodeSettled({ state, decision, key, ...settled }: SettledReward): Uint8Array {
  const { decisionId, model, modelVersion, action, unit, propensity, learn, decidedAtMs } = decision;
  return rewards.RewardSettled.encode({
    ...{ decisionId, model, modelVersion, action, unit, propensity, learn, decidedAtMs },
    ...settled,
    state: states[state],
    idempotencyKey: key,
  }).finish();
}

interface PackedEntry extends Omit<RewardEntry, 'keys'> {
  readonly keys: readonly string[];
}

/** An entry as packed JSON. */
export function encodeRewardEntry(entry: RewardEntry): string {
  return JSON.stringify({ ...entry, keys: [...entry.keys] } satisfies PackedEntry);
}

export function decodeRewardEntry(text: string): RewardEntry {
  const packed = JSON.parse(text) as PackedEntry;
  return { ...packed, keys: new Set(packed.keys) };
}
