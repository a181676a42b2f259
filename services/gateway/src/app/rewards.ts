import { decisions, rewardKey, type servingApi } from '@everloop/contracts';
import { rewardProblems, rewardsMax, type RewardRange } from '../domain/reward-checks.ts';
import { gatewayError, RequestRefused } from '../errors.ts';
import type { InferenceLog, ServingService } from '../ports.ts';
import type { ModelCatalog, ServedModel } from './catalog.ts';
import { modelNotFound } from './prepare.ts';

export interface RewardsOptions {
  readonly catalog: Pick<ModelCatalog, 'get' | 'names'>;
  readonly log: Pick<InferenceLog, 'append' | 'written' | 'queuedBytes'>;
  /** Whether rewards can be taken now. */
  readonly isReady: () => boolean;
  /** Time of day for rewards that give no event time, epoch milliseconds UTC. */
  readonly nowMs: () => number;
  /** Most bytes of log that Kafka does not have yet. */
  readonly logBytesMax: number;
  readonly onRewards: (count: number, isAccepted: boolean) => void;
}

/**
 * Takes what decisions were worth, by whichever API, into the log and so to the topic of rewards, where outcomes joins them. Nothing is looked up: which decision
 * it is, and whether it is late or a repeat, is decided there. Rejects, with all reasons, what could never count.
 */
export function createRewards(options: RewardsOptions): Pick<ServingService, 'reward'> {
  const { log, isReady, nowMs, onRewards, logBytesMax } = options;
  return {
    async reward(rewards) {
      try {
        if (!isReady())
          throw gatewayError('EVL_GATEWAY_NOT_READY', 'the gateway is starting or stopping; ask again later');
        check(rewards, options);
        if (log.queuedBytes > logBytesMax) {
          throw gatewayError(
            'EVL_GATEWAY_LOG_FULL',
            `${log.queuedBytes} bytes wait for Kafka, at most ${logBytesMax} may; ask again later`,
          );
        }
        log.append(
          'rewarded',
          rewards.map((reward) => ({ joinKey: reward.decisionId, value: received(reward, nowMs()) })),
        );
        await log.written();
      } catch (error) {
        onRewards(rewards.length, false);
        throw error;
      }
      onRewards(rewards.length, true);
      return { accepted: rewards.length };
    },
  };
}

/** The record of a reward. The key is made before the event time is filled in, so that the same call again is the same reward. */
function received(reward: servingApi.RewardRequest, nowMs: number): Buffer {
  const { decisionId, value = 0, kind, eventTimeMs, source, idempotencyKey } = reward;
  const said = { decisionId, value, kind, eventTimeMs: eventTimeMs ?? 0, source, idempotencyKey };
  const record = { ...said, idempotencyKey: rewardKey(said), eventTimeMs: eventTimeMs ?? nowMs };
  return Buffer.from(JSON.stringify(decisions.RewardReceived.toJSON(record)));
}

function check(rewards: readonly servingApi.RewardRequest[], options: RewardsOptions): void {
  if (rewards.length < 1 || rewards.length > rewardsMax)
    throw refused([`there are ${rewards.length} rewards, expected 1 to ${rewardsMax}`]);
  const reasons = rewards.flatMap((reward, index) => {
    const where = rewards.length === 1 ? '' : `reward ${index}: `;
    return rewardProblems(reward, rangeOf(reward.model, options), options.nowMs()).map((problem) => where + problem);
  });
  if (reasons.length > 0) throw refused(reasons.slice(0, 100));
}

function refused(reasons: readonly string[]): Error {
  return new RequestRefused('reward', reasons, 'EVL_GATEWAY_REWARD_INVALID');
}

/** What rewards of a model lie in; without a name, what those of any model do. */
function rangeOf(name: string, { catalog }: RewardsOptions): RewardRange {
  const model = catalog.get(name);
  if (name !== '' && model === undefined) throw modelNotFound(name, catalog);
  const models = name === '' ? catalog.names.map((each) => catalog.get(each)) : [model];
  const ranges = models.flatMap((each: ServedModel | undefined) => each?.spec.rewards ?? []);
  if (ranges.length === 0) {
    throw gatewayError(
      'EVL_GATEWAY_REWARD_PRECONDITION',
      `${name === '' ? 'no model' : `model ${name}`} has decisions that wait for rewards: add rewards to ${name === '' ? 'a' : 'the'} Model and apply it`,
    );
  }
  return { min: Math.min(...ranges.map(({ min }) => min)), max: Math.max(...ranges.map(({ max }) => max)) };
}
