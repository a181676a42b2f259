import { decisionPartitions, topics, type TypedResource } from '@everloop/contracts';
import type { Bus, TopicSpec } from '@everloop/kafka';
import type { Part } from '@everloop/service';
import type { Telemetry } from '../telemetry.ts';
import { createRewardTask, type RewardTask } from './reward-task.ts';

export interface RewardsOptions {
  readonly bus: Pick<Bus, 'ensureTopics' | 'partitionCount' | 'tasks'>;
  readonly telemetry: Telemetry;
  readonly stateMax: number;
}

const rewardTopics: readonly TopicSpec[] = [
  { name: topics.decisionMade, partitions: decisionPartitions },
  { name: topics.rewardReceived, partitions: decisionPartitions },
  { name: topics.rewardSettled, partitions: decisionPartitions },
  { name: topics.rewardPending, partitions: decisionPartitions, compacted: true },
  { name: topics.armStats, partitions: 1, compacted: true },
  { name: topics.progress, partitions: 1 },
];

/** Whether any Model has decisions that wait for rewards. */
export function hasRewards(resources: Iterable<TypedResource>): boolean {
  for (const resource of resources) if (resource.kind === 'Model' && resource.spec.rewards !== undefined) return true;
  return false;
}

/**
 * The runner that joins decisions with rewards, for all models: how long a decision waits, and what counts, its own record says. So a Model
 * that changes changes the decisions that come after.
 */
export async function createRewardJoin({ bus, telemetry, stateMax }: RewardsOptions): Promise<Part> {
  await bus.ensureTopics(rewardTopics);
  const partitions = await bus.partitionCount(topics.decisionMade);
  return bus.tasks({
    groupId: 'everloop.outcomes.rewards',
    inputs: [topics.decisionMade, topics.rewardReceived],
    createHandler: (partition) => createRewardTask({ partition, partitions, stateMax, telemetry }),
    restore: {
      kind: 'changelog',
      topic: topics.rewardPending,
      restore: (handler, records) => (handler as RewardTask).restore(records),
    },
    progress: { service: 'outcomes', stage: 'rewards' },
  });
}
