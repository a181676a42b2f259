import { createTimeBuckets, type TimeBuckets } from './time-buckets.ts';
import type { Held, Label, LabelEntry, Prediction } from './types.ts';

/** What a Model says of its labels. */
export interface JoinRule {
  /** Longest distance of a label from its prediction, either way, milliseconds of event time. */
  readonly waitMs: number;
  /** How long after the wait a label still counts, replacing what the prediction came to without it. */
  readonly lateMs: number;
  /** Which of several labels of one prediction counts, by event time. */
  readonly conflict: 'first' | 'last';
  /** The label of a prediction whose wait is over without one; null: it expires. */
  readonly defaultLabel: number | null;
  /** Labels may name the decision that they are about. */
  readonly byDecision: boolean;
}

/**
 * Predictions and labels of one partition. A label at time l counts for a prediction at time t when t - wait <= l <= t + wait + late, if it has the
 * prediction's join key, or names its decision; those that name it count before the others. What a prediction comes to depends on which labels
 * there are and on no order of reading: both are kept until no other can come that concerns them.
 */
export interface JoinState {
  readonly rule: JoinRule;
  readonly held: Map<string, Held>;
  /** Decision ids of held predictions by what their labels are found by. */
  readonly byLookup: Map<string, Set<string>>;
  /** Labels by what they are found by. */
  readonly labels: Map<string, LabelEntry>;
  readonly heldByTime: TimeBuckets;
  readonly labelsByTime: TimeBuckets;
  watermarkMs: number;
}

export function createJoinState(rule: JoinRule): JoinState {
  return {
    rule,
    held: new Map(),
    byLookup: new Map(),
    labels: new Map(),
    heldByTime: createTimeBuckets(),
    labelsByTime: createTimeBuckets(),
    watermarkMs: -Infinity,
  };
}

/** Predictions, and join keys and decisions with labels, for the limit on state. */
export function stateSize(state: JoinState): number {
  return state.held.size + state.labels.size;
}

/** What a label is found by; the two kinds never meet. */
export function lookupOf({ by, key }: Pick<Label, 'by' | 'key'>): string {
  return `${by === 'decision' ? 'd' : 'k'}${key}`;
}

/** What a prediction's labels are found by; those that come first count before the others. */
export function lookupsOf(rule: JoinRule, { joinKey, answerId }: Prediction): readonly string[] {
  const own = lookupOf({ by: 'key', key: joinKey });
  return rule.byDecision ? [lookupOf({ by: 'decision', key: answerId }), own] : [own];
}

export function isNear({ waitMs, lateMs }: JoinRule, { predictedAtMs }: Prediction, { labelledAtMs }: Label): boolean {
  return labelledAtMs >= predictedAtMs - waitMs && labelledAtMs <= predictedAtMs + waitMs + lateMs;
}

/** Last event time of a label that can concern a prediction. */
export function concernedUntilMs({ waitMs, lateMs }: JoinRule, { predictedAtMs }: Prediction): number {
  return predictedAtMs + waitMs + lateMs;
}

/** Takes a prediction in; also from a changelog, in any order. */
export function keep(state: JoinState, held: Held): void {
  const { prediction } = held;
  state.held.set(prediction.decisionId, held);
  for (const lookup of lookupsOf(state.rule, prediction)) {
    const ids = state.byLookup.get(lookup);
    if (ids === undefined) state.byLookup.set(lookup, new Set([prediction.decisionId]));
    else ids.add(prediction.decisionId);
  }
  state.heldByTime.add(prediction.decisionId, prediction.predictedAtMs);
}

export function forget(state: JoinState, prediction: Prediction): void {
  state.held.delete(prediction.decisionId);
  for (const lookup of lookupsOf(state.rule, prediction)) {
    const ids = state.byLookup.get(lookup);
    ids?.delete(prediction.decisionId);
    if (ids?.size === 0) state.byLookup.delete(lookup);
  }
}

/** Takes labels of one lookup in; also from a changelog, in any order. */
export function keepLabels(state: JoinState, lookup: string, entry: LabelEntry): void {
  if (!state.labels.has(lookup))
    state.labelsByTime.add(lookup, Math.min(...entry.labels.map(({ labelledAtMs }) => labelledAtMs)));
  state.labels.set(lookup, entry);
}

/** Held predictions of a lookup, by id, so that what is written does not depend on the order of reading. */
export function heldOf(state: JoinState, lookup: string): readonly Held[] {
  return [...(state.byLookup.get(lookup) ?? [])].sort().flatMap((id) => state.held.get(id) ?? []);
}
