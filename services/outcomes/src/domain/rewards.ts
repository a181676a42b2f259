import { createTimeBuckets, type TimeBuckets } from './time-buckets.ts';
import {
  noRewardChanges,
  type Decision,
  type Reward,
  type RewardChanges,
  type RewardEntry,
  type RewardFact,
  type RewardState,
} from './reward-types.ts';

/** Rewards kept for one decision; more is an error of whoever sends them. */
const rewardsPerDecisionMax = 256;
/** How far the clock of whoever sends a reward may be behind the decision's, milliseconds. */
const skewMs = 300_000;

/**
 * Decisions and rewards of one partition. The functions of this module change it in place and say in `RewardChanges` what must be written. A
 * reward counts for its decision when its event time is at most the rule's wait after the decision's, and it is read before the watermark is
 * past that. `earliest` settles with the first that is read, `sum` when the wait is over; whichever topic is read first.
 */
export interface RewardsState {
  readonly entries: Map<string, RewardEntry>;
  readonly byTime: TimeBuckets;
  watermarkMs: number;
}

export function createRewardsState(): RewardsState {
  return { entries: new Map(), byTime: createTimeBuckets(), watermarkMs: -Infinity };
}

function count(changes: RewardChanges, fact: RewardFact): void {
  changes.facts.set(fact, (changes.facts.get(fact) ?? 0) + 1);
}

function emptyEntry(): RewardEntry {
  return { decision: null, isSettled: false, keys: new Set(), early: [], total: 0, rewards: 0, rewardedAtMs: 0 };
}

/** Event time at which an entry has something to do: a decision is settled; what is settled, or never had a decision, is forgotten. */
function dueMs({ decision, isSettled, early }: RewardEntry): number {
  if (decision === null) return Math.max(...early.map(({ eventTimeMs }) => eventTimeMs)) + skewMs;
  const overMs = decision.decidedAtMs + decision.rule.waitMs;
  // As long again, so that what comes late or twice is still recognised.
  return isSettled ? overMs + Math.max(decision.rule.waitMs, skewMs) : overMs;
}

/** Decisions in the order in which they were read. */
export function onDecisions(state: RewardsState, decisions: readonly Decision[]): RewardChanges {
  const changes = noRewardChanges();
  for (const decision of decisions) {
    const entry = state.entries.get(decision.decisionId) ?? emptyEntry();
    if (entry.decision !== null) {
      count(changes, 'duplicate_decision');
      continue;
    }
    entry.decision = decision;
    const { early } = entry;
    entry.early = [];
    keep(state, decision.decisionId, entry, changes);
    for (const reward of early) take(decision, entry, reward, changes);
  }
  return changes;
}

/** Rewards in the order in which they were read. */
export function onRewards(state: RewardsState, rewards: readonly Reward[]): RewardChanges {
  const changes = noRewardChanges();
  for (const reward of rewards) {
    const entry = state.entries.get(reward.decisionId) ?? emptyEntry();
    if (entry.keys.has(reward.key)) {
      count(changes, 'duplicate_reward');
      continue;
    }
    if (entry.keys.size >= rewardsPerDecisionMax) {
      count(changes, 'rewards_per_decision_exceeded');
      continue;
    }
    if (entry.decision === null && reward.eventTimeMs + skewMs < state.watermarkMs) {
      count(changes, 'reward_without_decision');
      continue;
    }
    entry.keys.add(reward.key);
    if (entry.decision === null) entry.early.push(reward);
    keep(state, reward.decisionId, entry, changes);
    if (entry.decision !== null) take(entry.decision, entry, reward, changes);
  }
  return changes;
}

function keep(state: RewardsState, decisionId: string, entry: RewardEntry, changes: RewardChanges): void {
  state.entries.set(decisionId, entry);
  state.byTime.add(decisionId, dueMs(entry));
  changes.entries.set(decisionId, entry);
}

/** What a reward, seen for the first time, does to its decision. */
function take(decision: Decision, entry: RewardEntry, reward: Reward, changes: RewardChanges): void {
  const { rule, decidedAtMs } = decision;
  const isReward = reward.kind === 'reward';
  if (isReward && (reward.value < rule.min || reward.value > rule.max)) {
    count(changes, 'reward_out_of_range');
    return;
  }
  const isInTime = reward.eventTimeMs <= decidedAtMs + rule.waitMs;
  if (entry.isSettled && isInTime && entry.rewards > 0 && rule.aggregate === 'earliest') {
    // Not too late, but not the first either.
    count(changes, 'later_reward');
    return;
  }
  if (entry.isSettled || !isInTime) {
    count(changes, 'late_reward');
    const late = { value: reward.value, rewards: 0, rewardedAtMs: reward.eventTimeMs, key: reward.key };
    changes.settled.push({ state: 'late', decision, ...late });
    return;
  }
  if (!isReward) {
    settle(decision, entry, 'inactive', changes);
    return;
  }
  entry.total += reward.value;
  entry.rewards += 1;
  entry.rewardedAtMs = Math.max(entry.rewardedAtMs, reward.eventTimeMs);
  if (rule.aggregate === 'earliest') settle(decision, entry, 'rewarded', changes);
}

function settle(decision: Decision, entry: RewardEntry, state: RewardState, changes: RewardChanges): void {
  const { defaultValue, min, max } = decision.rule;
  entry.isSettled = true;
  const isRewarded = state === 'rewarded';
  const value = isRewarded ? Math.min(max, Math.max(min, entry.total)) : state === 'defaulted' ? defaultValue : 0;
  changes.settled.push({
    ...{ state, decision, value, key: '' },
    ...{ rewards: isRewarded ? entry.rewards : 0, rewardedAtMs: isRewarded ? entry.rewardedAtMs : 0 },
  });
}

/** Nothing with an event time before `watermarkMs` follows: decisions whose wait is over are settled, what is done with is forgotten. */
export function onRewardsWatermark(state: RewardsState, watermarkMs: number): RewardChanges {
  const changes = noRewardChanges();
  state.watermarkMs = Math.max(state.watermarkMs, watermarkMs);
  // Sorted, so that what is written does not depend on the order of reading.
  for (const decisionId of [...new Set(state.byTime.takeBefore(state.watermarkMs))].sort()) {
    const entry = state.entries.get(decisionId);
    if (entry === undefined) continue;
    if (dueMs(entry) < state.watermarkMs) end(state, decisionId, entry, changes);
    if (state.entries.has(decisionId)) state.byTime.add(decisionId, dueMs(entry));
  }
  return changes;
}

function end(state: RewardsState, decisionId: string, entry: RewardEntry, changes: RewardChanges): void {
  if (entry.decision !== null && !entry.isSettled) {
    settle(entry.decision, entry, entry.rewards > 0 ? 'rewarded' : 'defaulted', changes);
    changes.entries.set(decisionId, entry);
    return;
  }
  state.entries.delete(decisionId);
  changes.entries.set(decisionId, null);
  for (let left = entry.decision === null ? entry.early.length : 0; left > 0; left -= 1)
    count(changes, 'reward_without_decision');
}

/** Takes an entry from the changelog. */
export function restoreRewards(state: RewardsState, decisionId: string, entry: RewardEntry): void {
  state.entries.set(decisionId, entry);
  state.byTime.add(decisionId, dueMs(entry));
}
