/** What counts as the reward of a decision; the Model's `rewards` when it was made. */
export interface RewardRule {
  readonly waitMs: number;
  readonly defaultValue: number;
  readonly aggregate: 'earliest' | 'sum';
  readonly min: number;
  readonly max: number;
}

/** A decision that was answered. */
export interface Decision {
  readonly decisionId: string;
  readonly model: string;
  readonly modelVersion: string;
  /** Empty where the model does not choose. */
  readonly action: string;
  readonly unit: string;
  /** Of version and action together; 0: nobody drew it. */
  readonly propensity: number;
  /** The version was drawn and answered as drawn. */
  readonly learn: boolean;
  /** Epoch milliseconds UTC. */
  readonly decidedAtMs: number;
  readonly rule: RewardRule;
}

/** What somebody says that a decision was worth. */
export interface Reward {
  readonly decisionId: string;
  readonly kind: 'reward' | 'deactivate';
  /** Finite. */
  readonly value: number;
  /** Epoch milliseconds UTC. */
  readonly eventTimeMs: number;
  /** Equal for repeats of one reward. */
  readonly key: string;
}

/** How a decision, or a reward that came too late for one, ended. */
export type RewardState = 'rewarded' | 'defaulted' | 'inactive' | 'late';

export interface SettledReward {
  readonly state: RewardState;
  readonly decision: Decision;
  readonly value: number;
  /** How many rewards are in the value. */
  readonly rewards: number;
  /** Newest event time of them; 0: there is none. */
  readonly rewardedAtMs: number;
  /** Of a reward that was late. */
  readonly key: string;
}

/** What is known of one decision id. The fields are changed in place by `rewards.ts` alone. */
export interface RewardEntry {
  /** Null as long as only rewards have come. */
  decision: Decision | null;
  isSettled: boolean;
  /** Keys of the rewards that were taken. */
  readonly keys: Set<string>;
  /** Rewards that came before their decision, in their order. */
  early: Reward[];
  /** Sum and number of the rewards in time, and their newest event time. */
  total: number;
  rewards: number;
  rewardedAtMs: number;
}

/** Facts that are counted. */
export type RewardFact =
  | 'duplicate_decision'
  | 'duplicate_reward'
  | 'later_reward'
  | 'late_reward'
  | 'reward_out_of_range'
  | 'reward_without_decision'
  | 'rewards_per_decision_exceeded';

/** What one batch or watermark changed; null means removed. */
export interface RewardChanges {
  readonly settled: SettledReward[];
  readonly entries: Map<string, RewardEntry | null>;
  readonly facts: Map<RewardFact, number>;
}

export function noRewardChanges(): RewardChanges {
  return { settled: [], entries: new Map(), facts: new Map() };
}
