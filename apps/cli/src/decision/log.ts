import { decisions, outcomes, rewards, serving, topics } from '@everloop/contracts';
import type { Bus, BusRecord } from '@everloop/kafka';
import { ServiceError } from '@everloop/service';

/** Ends a reading whose answer is known. */
class Enough extends Error {}

/** Gives every record of a topic with a value; `onValue` may return `stop`. A topic that nobody has created yet is empty. */
async function readValues(
  bus: Bus,
  topic: string,
  onValue: (value: Buffer, record: BusRecord) => 'stop' | undefined,
): Promise<void> {
  try {
    await bus.readAll([topic], ({ records }) => {
      for (const record of records) {
        if (record.value !== null && onValue(record.value, record) === 'stop') throw new Enough();
      }
    });
  } catch (error) {
    if (error instanceof Enough || (error instanceof ServiceError && error.code === 'EVL_KAFKA_TOPIC_MISSING')) return;
    throw error;
  }
}

/** The log of predictions that were answered, or of those of shadows. */
export async function readInferences(
  bus: Bus,
  onInference: (inference: serving.Inference, record: BusRecord) => 'stop' | undefined,
  topic: typeof topics.inferenceServed | typeof topics.inferenceShadowed = topics.inferenceServed,
): Promise<void> {
  await readValues(bus, topic, (value, record) => onInference(serving.Inference.decode(value), record));
}

/** Decisions of models with `rewards`. */
export async function readDecisions(
  bus: Bus,
  onDecision: (decision: decisions.Decision) => 'stop' | undefined,
): Promise<void> {
  await readValues(bus, topics.decisionMade, (value) => onDecision(decisions.Decision.decode(value)));
}

/** Predictions with what became of them. */
export async function readOutcomes(
  bus: Bus,
  onOutcome: (outcome: outcomes.Outcome) => 'stop' | undefined,
): Promise<void> {
  await readValues(bus, topics.outcomeSettled, (value) => onOutcome(outcomes.Outcome.decode(value)));
}

/** Decisions with their reward. */
export async function readRewards(
  bus: Bus,
  onReward: (reward: rewards.RewardSettled) => 'stop' | undefined,
): Promise<void> {
  await readValues(bus, topics.rewardSettled, (value) => onReward(rewards.RewardSettled.decode(value)));
}
