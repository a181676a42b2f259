import {
  concernedUntilMs,
  forget,
  heldOf,
  isNear,
  keep,
  keepLabels,
  lookupOf,
  lookupsOf,
  type JoinState,
} from './join-state.ts';
import {
  type Changes,
  type Ending,
  type Fact,
  type Held,
  type Label,
  type LabelEntry,
  noChanges,
  type Prediction,
} from './types.ts';

/** Labels kept of one join key or decision at a time; more are an error of the source. */
const labelsPerKeyMax = 64;

function count(changes: Changes, fact: Fact): void {
  changes.facts.set(fact, (changes.facts.get(fact) ?? 0) + 1);
}

/** Predictions in the order they were read. */
export function onPredictions(state: JoinState, predictions: readonly Prediction[]): Changes {
  const changes = noChanges();
  for (const prediction of predictions) {
    if (state.held.has(prediction.decisionId)) {
      count(changes, 'duplicate_prediction');
      continue;
    }
    const held: Held = { prediction, ending: null, endings: 0 };
    keep(state, held);
    changes.read.push(prediction);
    changes.held.set(prediction.decisionId, held);
    settle(held, labelEnding(state, prediction, changes), changes);
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
  const { rule } = state;
  const lookup = lookupOf(label);
  const known = state.labels.get(lookup)?.labels ?? [];
  if (known.some((other) => other.labelledAtMs === label.labelledAtMs && other.label === label.label)) {
    count(changes, 'duplicate_label');
    return;
  }
  if (known.length >= labelsPerKeyMax) {
    count(changes, 'labels_per_key_exceeded');
    return;
  }
  const met = heldOf(state, lookup).filter(({ prediction }) => isNear(rule, prediction, label));
  if (met.length === 0 && label.labelledAtMs < state.watermarkMs - rule.waitMs) {
    count(changes, 'late_label');
    return;
  }
  const entry = { labels: [...known, label], used: state.labels.get(lookup)?.used ?? false };
  keepLabels(state, lookup, entry);
  changes.labels.set(lookup, entry);
  for (const held of met) settle(held, labelEnding(state, held.prediction, changes), changes);
}

/** What the labels that are known now say of a prediction; null: nothing. */
function labelEnding(state: JoinState, prediction: Prediction, changes: Changes): Ending | null {
  const { rule } = state;
  for (const lookup of lookupsOf(rule, prediction)) {
    const entry = state.labels.get(lookup);
    const near = entry?.labels.filter((label) => isNear(rule, prediction, label)) ?? [];
    if (entry === undefined || near.length === 0) continue;
    if (!entry.used) changes.labels.set(lookup, use(state, lookup, entry));
    // Stable: of labels at one time the one that comes first in their topic is first.
    const label = choose(
      near.toSorted((a, b) => a.labelledAtMs - b.labelledAtMs),
      rule.conflict,
    );
    if (label !== undefined) return { kind: 'labelled', label: label.label, labelledAtMs: label.labelledAtMs };
  }
  return null;
}

function use(state: JoinState, lookup: string, entry: LabelEntry): LabelEntry {
  const used = { ...entry, used: true };
  state.labels.set(lookup, used);
  return used;
}

/** The label that counts, of labels by time. Of a last one that says the same as those just before it the time when that was said first. */
function choose(labels: readonly Label[], conflict: 'first' | 'last'): Label | undefined {
  if (conflict === 'first') return labels[0];
  const last = labels.at(-1);
  return labels[labels.findLastIndex(({ label }) => label !== last?.label) + 1];
}

/** Gives a prediction its ending, where that is not what it has. */
function settle(held: Held, ending: Ending | null, changes: Changes): void {
  const { prediction, ending: replaces, endings: revision } = held;
  if (ending === null || isSame(replaces, ending)) return;
  changes.settled.push({ prediction, ending, replaces, revision });
  if (revision > 0) count(changes, 'corrected');
  held.ending = ending;
  held.endings = revision + 1;
  changes.held.set(prediction.decisionId, held);
}

function isSame(a: Ending | null, b: Ending): boolean {
  if (a?.kind !== 'labelled' || b.kind !== 'labelled') return a?.kind === b.kind;
  return a.label === b.label && a.labelledAtMs === b.labelledAtMs;
}

/** Nothing with an event time before `watermarkMs` follows: what cannot be joined any more ends. */
export function onWatermark(state: JoinState, watermarkMs: number): Changes {
  const changes = noChanges();
  state.watermarkMs = Math.max(state.watermarkMs, watermarkMs);
  endWaits(state, changes);
  forgetLabels(state, changes);
  return changes;
}

/** Ends what has waited long enough, and forgets what no label can concern any more. */
function endWaits(state: JoinState, changes: Changes): void {
  const { rule } = state;
  const limitMs = state.watermarkMs - rule.waitMs;
  const due: Held[] = [];
  for (const id of state.heldByTime.takeBefore(limitMs)) {
    const held = state.held.get(id);
    if (held === undefined) continue;
    if (held.prediction.predictedAtMs < limitMs) due.push(held);
    else state.heldByTime.add(id, held.prediction.predictedAtMs);
  }
  // Sorted, so that what is written does not depend on the order of reading.
  due.sort(
    ({ prediction: a }, { prediction: b }) =>
      a.predictedAtMs - b.predictedAtMs || (a.decisionId < b.decisionId ? -1 : 1),
  );
  const unlabelled: Ending =
    rule.defaultLabel === null ? { kind: 'expired' } : { kind: 'defaulted', label: rule.defaultLabel };
  for (const held of due) {
    const { prediction } = held;
    if (held.ending === null) settle(held, unlabelled, changes);
    if (concernedUntilMs(rule, prediction) < state.watermarkMs) {
      forget(state, prediction);
      changes.held.set(prediction.decisionId, null);
    } else state.heldByTime.add(prediction.decisionId, prediction.predictedAtMs + rule.lateMs);
  }
}

/** Forgets labels that no prediction that is held, or still to come, can need. */
function forgetLabels(state: JoinState, changes: Changes): void {
  const { rule } = state;
  for (const lookup of state.labelsByTime.takeBefore(state.watermarkMs - rule.waitMs)) {
    const entry = state.labels.get(lookup);
    if (entry === undefined) continue;
    const held = heldOf(state, lookup);
    const labels = entry.labels.filter(
      (label) =>
        label.labelledAtMs + rule.waitMs >= state.watermarkMs ||
        held.some(({ prediction }) => isNear(rule, prediction, label)),
    );
    const [oldest] = labels;
    if (oldest === undefined) {
      state.labels.delete(lookup);
      changes.labels.set(lookup, null);
      if (!entry.used) count(changes, 'label_without_prediction');
      continue;
    }
    state.labelsByTime.add(lookup, Math.max(state.watermarkMs - rule.waitMs, oldest.labelledAtMs));
    if (labels.length === entry.labels.length) continue;
    state.labels.set(lookup, { ...entry, labels });
    changes.labels.set(lookup, { ...entry, labels });
  }
}
