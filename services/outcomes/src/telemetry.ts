import type { Logger, Metrics } from '@everloop/service';
import type { RewardChanges } from './domain/reward-types.ts';
import type { Changes } from './domain/types.ts';

/** What is told about the work: metrics always, log lines where a person should look. */
export interface Telemetry {
  readonly logger: Logger;
  /** A batch or watermark was handled. */
  handled(model: string, changes: Changes): void;
  /** Label records without a usable label. */
  unusableLabels(model: string, count: number): void;
  /** A batch or watermark of decisions and rewards was handled. */
  rewarded(changes: RewardChanges): void;
  /** Rewards that are none, and rewards that were sent on to the partition of their decision. */
  rewardsLeftOut(unusable: number, misplaced: number): void;
  /** Decisions held after a commit. */
  holdsDecisions(partition: number, decisions: number): void;
  /** State held after a commit. */
  holds(model: string, partition: number, predictions: number, labels: number): void;
}

const day = 86_400;
/** A minute to a month, seconds. */
const delayBuckets = [60, 600, 3_600, 6 * 3_600, day, 2 * day, 4 * day, 7 * day, 14 * day, 30 * day];

export function createTelemetry(logger: Logger, metrics: Metrics): Telemetry {
  const settled = metrics.counter('everloop_outcomes_settled_total', 'Predictions settled', ['model', 'arm', 'kind']);
  const facts = metrics.counter('everloop_outcomes_facts_total', 'Duplicates, late and unmatched labels', [
    'model',
    'fact',
  ]);
  const pending = metrics.gauge('everloop_outcomes_pending_predictions', 'Predictions that wait', [
    'model',
    'partition',
  ]);
  const labels = metrics.gauge('everloop_outcomes_held_labels', 'Join keys with a label', ['model', 'partition']);
  const rewards = metrics.counter('everloop_outcomes_rewards_settled_total', 'Decisions settled, and late rewards', [
    'model',
    'state',
  ]);
  const rewardFacts = metrics.counter(
    'everloop_outcomes_reward_facts_total',
    'Duplicates, late, unmatched and unusable rewards',
    ['fact'],
  );
  const decisions = metrics.gauge('everloop_outcomes_held_decisions', 'Decisions that wait or are remembered', [
    'partition',
  ]);
  const delays = metrics.histogram(
    'everloop_label_delay_seconds',
    'Event time from a prediction to its first label',
    delayBuckets,
    ['model'],
  );
  return {
    logger,
    handled(model, changes) {
      for (const { ending, prediction, revision } of changes.settled) {
        if (revision > 0) continue;
        settled.inc({ model, arm: prediction.arm, kind: ending.kind });
        if (ending.kind === 'labelled')
          delays.observe({ model }, (ending.labelledAtMs - prediction.predictedAtMs) / 1000);
      }
      for (const [fact, count] of changes.facts) facts.inc({ model, fact }, count);
    },
    rewarded(changes) {
      for (const { state, decision } of changes.settled) rewards.inc({ model: decision.model, state });
      for (const [fact, count] of changes.facts) rewardFacts.inc({ fact }, count);
    },
    rewardsLeftOut(unusable, misplaced) {
      if (unusable > 0) rewardFacts.inc({ fact: 'unusable_reward' }, unusable);
      if (misplaced > 0) rewardFacts.inc({ fact: 'misplaced_reward' }, misplaced);
    },
    holdsDecisions(partition, held) {
      decisions.set({ partition: String(partition) }, held);
    },
    unusableLabels(model, count) {
      facts.inc({ model, fact: 'unusable_label' }, count);
    },
    holds(model, partition, predictions, keys) {
      pending.set({ model, partition: String(partition) }, predictions);
      labels.set({ model, partition: String(partition) }, keys);
    },
  };
}
