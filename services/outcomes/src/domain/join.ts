import { createTimeBuckets, type TimeBuckets } from './time-buckets.ts';
import { type Changes, type Fact, type Label, type LabelEntry, noChanges, type Prediction } from './types.ts';

/** Labels kept for one join key; more than a few corrections of one label are an error of the source. */
const labelsPerKeyMax = 16;

interface Entry {
  labels: Label[];
  settled: Map<string, number>;
}

/**
 * Predictions and labels of one partition that have not met yet. The functions of this module change it in place and say in `Changes` what
 * must be written. A label at time l counts for a prediction at time t when |l - t| <= waitMs; of several the first in the
 * label topic counts. That depends on no order between topics: predictions stay until no label can come any more, labels until no prediction can.
 */
export interface JoinState {
  readonly waitMs: number;
  readonly pending: Map<string, Prediction>;
  /** Decision ids of the pending predictions of a join key. */
  readonly waiting: Map<string, Set<string>>;
  readonly labels: Map<string, Entry>;
  readonly pendingByTime: TimeBuckets;
  readonly labelsByTime: TimeBuckets;
  watermarkMs: number;
}

export function createJoinState(waitMs: number): JoinState {
  return {
    waitMs,
    pending: new Map(),
    waiting: new Map(),
    labels: new Map(),
    pendingByTime: createTimeBuckets(),
    labelsByTime: createTimeBuckets(),
    watermarkMs: -Infinity,
  };
}

/** Predictions and join keys held, for the limit on state. */
export function stateSize(state: JoinState): number {
  return state.pending.size + state.labels.size;
}

function count(changes: Changes, fact: Fact): void {
  changes.facts.set(fact, (changes.facts.get(fact) ?? 0) + 1);
}

function isNear(state: JoinState, prediction: Prediction, label: Label): boolean {
  return Math.abs(label.labelledAtMs - prediction.predictedAtMs) <= state.waitMs;
}

function keep(state: JoinState, prediction: Prediction): void {
  const { decisionId, joinKey } = prediction;
  state.pending.set(decisionId, prediction);
  const ids = state.waiting.get(joinKey);
  if (ids === undefined) state.waiting.set(joinKey, new Set([decisionId]));
  else ids.add(decisionId);
  state.pendingByTime.add(decisionId, prediction.predictedAtMs);
}

function forget(state: JoinState, prediction: Prediction): void {
  state.pending.delete(prediction.decisionId);
  const ids = state.waiting.get(prediction.joinKey);
  ids?.delete(prediction.decisionId);
  if (ids?.size === 0) state.waiting.delete(prediction.joinKey);
}

function settle(entry: Entry, prediction: Prediction, label: Label, changes: Changes): void {
  entry.settled.set(prediction.decisionId, prediction.predictedAtMs);
  const ending = { kind: 'labelled', label: label.label, labelledAtMs: label.labelledAtMs } as const;
  changes.settled.push({ prediction, ending, replaces: null, revision: 0 });
  changes.labels.set(label.joinKey, entry);
}

/** Puts back what a changelog held; the order does not matter. */
export function restorePrediction(state: JoinState, prediction: Prediction): void {
  keep(state, prediction);
}

/** Puts back what a changelog held; the order does not matter. */
export function restoreLabels(state: JoinState, joinKey: string, entry: LabelEntry): void {
  state.labels.set(joinKey, { labels: [...entry.labels], settled: new Map(entry.settled) });
  state.labelsByTime.add(joinKey, entryTime(state, entry) - state.waitMs);
}

/** Predictions in the order they were read. */
export function onPredictions(state: JoinState, predictions: readonly Prediction[]): Changes {
  const changes = noChanges();
  for (const prediction of predictions) {
    const entry = state.labels.get(prediction.joinKey);
    if (state.pending.has(prediction.decisionId) || entry?.settled.has(prediction.decisionId) === true) {
      count(changes, 'duplicate_prediction');
      continue;
    }
    changes.read.push(prediction);
    const label = entry?.labels.find((candidate) => isNear(state, prediction, candidate));
    if (entry !== undefined && label !== undefined) {
      settle(entry, prediction, label, changes);
      continue;
    }
    keep(state, prediction);
    changes.pending.set(prediction.decisionId, prediction);
  }
  return changes;
}

/** Labels in the order they were read. */
export function onLabels(state: JoinState, labels: readonly Label[]): Changes {
  const changes = noChanges();
  for (const label of labels) takeLabel(state, label, changes);
  return changes;
}

function takeLabel(state: JoinState, label: Label, changes: Changes): void {
  const known = state.labels.get(label.joinKey);
  const entry = known ?? { labels: [], settled: new Map<string, number>() };
  if (entry.labels.some((other) => other.labelledAtMs === label.labelledAtMs && other.label === label.label)) {
    count(changes, 'duplicate_label');
    return;
  }
  if (entry.labels.length >= labelsPerKeyMax) {
    count(changes, 'labels_per_key_exceeded');
    return;
  }
  const met = [...(state.waiting.get(label.joinKey) ?? [])]
    .sort()
    .map((id) => state.pending.get(id))
    .filter((prediction) => prediction !== undefined)
    .filter((prediction) => isNear(state, prediction, label));
  if (met.length === 0 && label.labelledAtMs < state.watermarkMs - state.waitMs) {
    count(changes, 'late_label');
    return;
  }
  entry.labels.push(label);
  state.labels.set(label.joinKey, entry);
  if (known === undefined) state.labelsByTime.add(label.joinKey, label.labelledAtMs);
  changes.labels.set(label.joinKey, entry);
  for (const prediction of met) {
    forget(state, prediction);
    changes.pending.set(prediction.decisionId, null);
    settle(entry, prediction, label, changes);
  }
}

/** Time up to which an entry is needed: no prediction for its labels, no repeat of its predictions comes after it. */
function entryTime(state: JoinState, entry: LabelEntry): number {
  let last = -Infinity;
  for (const label of entry.labels) last = Math.max(last, label.labelledAtMs + state.waitMs);
  for (const predictedAtMs of entry.settled.values()) last = Math.max(last, predictedAtMs + state.waitMs);
  return last;
}

/** Nothing with an event time before `watermarkMs` follows: what cannot be joined any more ends. */
export function onWatermark(state: JoinState, watermarkMs: number): Changes {
  const changes = noChanges();
  state.watermarkMs = Math.max(state.watermarkMs, watermarkMs);
  const limitMs = state.watermarkMs - state.waitMs;
  const expired: Prediction[] = [];
  for (const id of state.pendingByTime.takeBefore(limitMs)) {
    const prediction = state.pending.get(id);
    if (prediction === undefined) continue;
    if (prediction.predictedAtMs < limitMs) expired.push(prediction);
    else state.pendingByTime.add(id, prediction.predictedAtMs);
  }
  // Sorted, so that what is written does not depend on the order of reading.
  expired.sort((a, b) => a.predictedAtMs - b.predictedAtMs || (a.decisionId < b.decisionId ? -1 : 1));
  for (const prediction of expired) {
    forget(state, prediction);
    changes.pending.set(prediction.decisionId, null);
    changes.settled.push({ prediction, ending: { kind: 'expired' }, replaces: null, revision: 0 });
  }
  for (const joinKey of state.labelsByTime.takeBefore(limitMs)) {
    const entry = state.labels.get(joinKey);
    if (entry === undefined) continue;
    const neededMs = entryTime(state, entry);
    if (neededMs >= state.watermarkMs) {
      state.labelsByTime.add(joinKey, neededMs - state.waitMs);
      continue;
    }
    state.labels.delete(joinKey);
    changes.labels.set(joinKey, null);
    if (entry.settled.size === 0) count(changes, 'label_without_prediction');
  }
  return changes;
}
