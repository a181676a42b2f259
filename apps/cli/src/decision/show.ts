import { decisions, outcomes, rewards, serving, topics } from '@everloop/contracts';
import type { Bus } from '@everloop/kafka';
import { badInput } from '../errors.ts';
import { redrawAll, redrawDecision, type Redrawn } from './replay.ts';
import { readDecisions, readInferences, readOutcomes, readRewards } from './log.ts';

/** Everything that the logs say of one decision. */
export interface ShownDecision {
  readonly decisionId: string;
  /** Partition and offset of the prediction in its topic. */
  readonly place: string | null;
  readonly inference: unknown;
  /** What shadows answered to the same request. */
  readonly shadows: readonly unknown[];
  readonly decision: unknown;
  readonly outcome: unknown;
  readonly rewards: readonly unknown[];
  /** Its draws, done again. */
  readonly draws: readonly Redrawn[];
}

/** Shadows of one request that are shown. */
const shadowsMax = 16;
/** Rewards of one decision that are shown: the settled one and late ones. */
const rewardsMax = 64;

/** Reads the logs for one decision. Throws EVL_CLI_INPUT_INVALID when they do not have it. O(logs). */
export async function findDecision(bus: Bus, decisionId: string): Promise<ShownDecision> {
  let found: { readonly inference: serving.Inference; readonly place: string } | undefined;
  let decision: decisions.Decision | undefined;
  let outcome: outcomes.Outcome | undefined;
  const shadows: serving.Inference[] = [];
  const settled: rewards.RewardSettled[] = [];
  await readInferences(bus, (inference, { partition, offset }) => {
    if (inference.decisionId !== decisionId) return undefined;
    found = { inference, place: `${partition}/${offset}` };
    return 'stop';
  });
  await readDecisions(bus, (one) => {
    if (one.decisionId !== decisionId) return undefined;
    decision = one;
    return 'stop';
  });
  if (found === undefined && decision === undefined) throw badInput(`no decision ${decisionId} is in the log`);
  const { requestId, model, joinKey } = found?.inference ?? decision ?? {};
  await readInferences(
    bus,
    (shadow) => {
      const isSame = shadow.requestId === requestId && shadow.model === model && shadow.joinKey === joinKey;
      if (isSame && shadows.length < shadowsMax) shadows.push(shadow);
      return undefined;
    },
    topics.inferenceShadowed,
  );
  await readOutcomes(bus, (one) => {
    if (one.decisionId !== decisionId) return undefined;
    // A correction comes after what it corrects.
    outcome = one;
    return undefined;
  });
  await readRewards(bus, (one) => {
    if (one.decisionId === decisionId && settled.length < rewardsMax) settled.push(one);
    return undefined;
  });
  return {
    decisionId,
    place: found?.place ?? null,
    inference: found === undefined ? null : serving.Inference.toJSON(found.inference),
    shadows: shadows.map((shadow) => serving.Inference.toJSON(shadow)),
    decision: decision === undefined ? null : decisions.Decision.toJSON(decision),
    outcome: outcome === undefined ? null : outcomes.Outcome.toJSON(outcome),
    rewards: settled.map((reward) => rewards.RewardSettled.toJSON(reward)),
    draws: found === undefined ? (decision === undefined ? [] : redrawDecision(decision)) : redrawAll(found.inference),
  };
}
