import { topics } from '@everloop/contracts';
import { partitionOfKey, type Batch, type BusRecord, type TaskContext, type TaskHandler } from '@everloop/kafka';
import type { Arms } from '../domain/arms.ts';
import { decodeArm, encodeArm } from '../domain/codec.ts';
import { addSettled, rewardArmKey } from '../domain/reward-arms.ts';
import {
  decisionOfKey,
  decodeDecision,
  decodeRewardEntry,
  encodeRewardEntry,
  encodeSettled,
  entryKey,
  readReward,
  rewardArmLogKey,
} from '../domain/reward-codec.ts';
import {
  createRewardsState,
  onDecisions,
  onRewards,
  onRewardsWatermark,
  restoreRewards,
  type RewardsState,
} from '../domain/rewards.ts';
import type { Decision, Reward, RewardChanges } from '../domain/reward-types.ts';
import { rewardsFull, undecodable } from '../errors.ts';
import type { Telemetry } from '../telemetry.ts';

export interface RewardTaskOptions {
  readonly partition: number;
  /** Of the topics of decisions and rewards. */
  readonly partitions: number;
  /** Most decision ids held. */
  readonly stateMax: number;
  readonly telemetry: Telemetry;
}

/** The task of one partition of decisions and rewards: decode, join, write what changed. */
export interface RewardTask extends TaskHandler {
  /** Takes the newest records of the changelog. */
  restore(records: readonly BusRecord[]): void;
}

export function createRewardTask({ partition, partitions, stateMax, telemetry }: RewardTaskOptions): RewardTask {
  const state = createRewardsState();
  const arms: Arms = new Map();
  const finish = (changes: RewardChanges, context: TaskContext): void => {
    if (state.entries.size > stateMax) throw rewardsFull(partition, state.entries.size, stateMax);
    write(changes, context);
    writeArms(arms, changes, context);
    telemetry.rewarded(changes);
    telemetry.holdsDecisions(partition, state.entries.size);
  };
  return {
    restore: (records) => restore(state, arms, records),
    onRecords(batch, context) {
      if (batch.topic === topics.decisionMade) finish(onDecisions(state, decisionsOf(batch)), context);
      else finish(onRewards(state, takeRewards(batch, context)), context);
    },
    onWatermark(watermarkMs, context) {
      finish(onRewardsWatermark(state, watermarkMs), context);
      context.emitWatermark(topics.rewardSettled, watermarkMs);
    },
  };

  /** The rewards of a batch. One that lies where its decision does not come, by whatever partitioner, is sent on to where it does. */
  function takeRewards(batch: Batch, context: TaskContext): readonly Reward[] {
    const rewards: Reward[] = [];
    let [unusable, misplaced] = [0, 0];
    for (const { value, timestampMs } of batch.records) {
      const reward = readReward(value, timestampMs);
      if (reward === null) unusable += 1;
      else if (partitionOfKey(reward.decisionId, partitions) === partition) rewards.push(reward);
      else {
        misplaced += 1;
        context.emit({ topic: topics.rewardReceived, key: reward.decisionId, value, timestampMs });
      }
    }
    telemetry.rewardsLeftOut(unusable, misplaced);
    return rewards;
  }
}

function decisionsOf({ records }: Batch): readonly Decision[] {
  return records.flatMap((record) => (record.value === null ? [] : [decoded(record, decodeDecision)]));
}

function decoded<T>(record: BusRecord, decode: (bytes: Buffer) => T): T {
  try {
    return decode(record.value ?? Buffer.alloc(0));
  } catch (error) {
    throw undecodable(record.topic, record.partition, record.offset, error);
  }
}

function write(changes: RewardChanges, context: TaskContext): void {
  const { partition } = context;
  for (const settled of changes.settled) {
    const value = Buffer.from(encodeSettled(settled));
    context.emit({ topic: topics.rewardSettled, partition, key: settled.decision.decisionId, value });
  }
  for (const [decisionId, entry] of changes.entries) {
    const value = entry === null ? null : encodeRewardEntry(entry);
    context.emit({ topic: topics.rewardPending, partition, key: entryKey(decisionId), value });
  }
}

function writeArms(arms: Arms, changes: RewardChanges, context: TaskContext): void {
  const { partition } = context;
  for (const { of, totals } of addSettled(arms, changes.settled).values()) {
    const { model, basis, arm } = of;
    const value = encodeArm(model, partition, arm, totals, basis);
    context.emit({ topic: topics.armStats, partition: 0, key: `${model}/${partition}/${basis}/${arm}`, value });
    context.emit({ topic: topics.rewardPending, partition, key: rewardArmLogKey(model, basis, arm), value });
  }
}

function restore(state: RewardsState, arms: Arms, records: readonly BusRecord[]): void {
  for (const record of records) {
    if (record.value === null || record.key === null) continue;
    const decisionId = decisionOfKey(record.key.toString('utf8'));
    if (decisionId !== null) {
      restoreRewards(
        state,
        decisionId,
        decoded(record, (bytes) => decodeRewardEntry(bytes.toString('utf8'))),
      );
      continue;
    }
    const stats = decoded(record, (bytes) => decodeArm(bytes.toString('utf8')));
    const { model, arm, matured, rewardNano, rewardSquaredMicro } = stats;
    const basis = stats.basis === 'action' ? 'action' : 'version';
    arms.set(rewardArmKey({ model, basis, arm }), { matured, rewardNano, rewardSquaredMicro });
  }
}
