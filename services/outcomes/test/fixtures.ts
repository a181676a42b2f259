import type { JoinRule } from '../src/domain/join-state.ts';
import type { Ending, Prediction, Settled } from '../src/domain/types.ts';

/** A champion's prediction of model "m" for key "k" at time 0, but for what is given. */
export function predictionOf(given: Partial<Prediction> = {}): Prediction {
  return {
    ...{ decisionId: 'd', model: 'm', modelVersion: '1', championVersion: '1', arm: 'champion', joinKey: 'k' },
    ...{ predictedAtMs: 0, score: 0.25, learn: true, slices: [] },
    answerId: given.decisionId ?? 'd',
    ...given,
  };
}

/** The first ending of a prediction, or one that replaces `replaces`. */
export function settledOf(prediction: Prediction, ending: Ending, replaces: Ending | null = null): Settled {
  return { prediction, ending, replaces, revision: replaces === null ? 0 : 1 };
}

export const labelledAs = (label: number, labelledAtMs = 1): Ending => ({ kind: 'labelled', label, labelledAtMs });

/** The first of several labels counts, for two days either way; but for what is given. */
export function ruleOf(given: Partial<JoinRule> = {}): JoinRule {
  const twoDaysMs = 48 * 3_600_000;
  return { waitMs: twoDaysMs, lateMs: 0, conflict: 'first', defaultLabel: null, byDecision: false, ...given };
}
