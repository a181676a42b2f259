import { decisionIdOf, outcomes, serving } from '@everloop/contracts';
import type { ArmTotals } from './arms.ts';
import { lookupOf } from './join-state.ts';
import type { Ending, Held, Label, LabelEntry, Prediction, Settled } from './types.ts';

const labelPrefix = 'label/';

/** Key of a label entry in the changelog; a prediction's key is its decision id. `lookup`: as `lookupOf` says it. */
export function labelKey(model: string, lookup: string): string {
  return `${labelPrefix}${model}/${lookup}`;
}

const armPrefix = 'arm/';

/** Key of an arm's totals in the changelog. */
export function armKey(model: string, arm: string): string {
  return `${armPrefix}${model}/${arm}`;
}

export function isArmKey(key: string): boolean {
  return key.startsWith(armPrefix);
}

/** An arm's totals as JSON `outcomes.v1.ArmStats`, in the changelog as in the topic that gateways read. */
export function encodeArm(model: string, partition: number, arm: string, totals: ArmTotals, basis = ''): string {
  return JSON.stringify(outcomes.ArmStats.toJSON({ model, partition, arm, basis, ...totals }));
}

/** Throws on what is not JSON. */
export function decodeArm(text: string): outcomes.ArmStats {
  return outcomes.ArmStats.fromJSON(JSON.parse(text));
}

export function isLabelKey(key: string): boolean {
  return key.startsWith(labelPrefix);
}

/**
 * A prediction from the inference log, and its slices as `slicesOf` tells them. Throws on bytes that are not an Inference. Where a gateway older than
 * `request_row` logged a request of several rows, a label that names a decision does not reach its shadows.
 */
export function decodeInference(
  bytes: Uint8Array,
  slicesOf: (inference: serving.Inference) => readonly string[] = () => [],
): Prediction {
  const inference = serving.Inference.decode(bytes);
  const { decisionId, model, modelVersion, championVersion, arm, joinKey, score, learn } = inference;
  return {
    ...{ decisionId, model, modelVersion, championVersion, arm, joinKey, score, learn },
    predictedAtMs: inference.eventTimeMs,
    answerId: arm === 'shadow' ? decisionIdOf(inference, null) : decisionId,
    slices: slicesOf(inference),
  };
}

const { LABELLED, DEFAULTED, EXPIRED, UNSPECIFIED } = outcomes.OutcomeKind;

function kindOf(ending: Ending | null): outcomes.OutcomeKind {
  switch (ending?.kind) {
    case 'labelled':
      return LABELLED;
    case 'defaulted':
      return DEFAULTED;
    case 'expired':
      return EXPIRED;
    case undefined:
      return UNSPECIFIED;
  }
}

function outcomeOf(prediction: Prediction, ending: Ending | null, revision: number): outcomes.Outcome {
  return outcomes.Outcome.fromPartial({
    ...prediction,
    ...{ slices: [...prediction.slices], kind: kindOf(ending), revision },
    label: ending === null || ending.kind === 'expired' ? 0 : ending.label,
    labelledAtMs: ending?.kind === 'labelled' ? ending.labelledAtMs : 0,
  });
}

/** A held prediction: an Outcome, without a kind while it waits; its revision is the number of its endings. */
export function encodeHeld({ prediction, ending, endings }: Held): Uint8Array {
  return outcomes.Outcome.encode(outcomeOf(prediction, ending, endings)).finish();
}

export function decodeHeld(bytes: Uint8Array): Held {
  const { kind, label, labelledAtMs, revision, ...outcome } = outcomes.Outcome.decode(bytes);
  const { decisionId, model, modelVersion, championVersion, arm, joinKey } = outcome;
  const { predictedAtMs, score, learn, answerId, slices } = outcome;
  return {
    prediction: {
      ...{ decisionId, model, modelVersion, championVersion, arm, joinKey },
      ...{ predictedAtMs, score, learn, answerId, slices },
    },
    ending: endingOf(kind, label, labelledAtMs),
    endings: revision,
  };
}

function endingOf(kind: outcomes.OutcomeKind, label: number, labelledAtMs: number): Ending | null {
  if (kind === LABELLED) return { kind: 'labelled', label, labelledAtMs };
  if (kind === DEFAULTED) return { kind: 'defaulted', label };
  return kind === EXPIRED ? { kind: 'expired' } : null;
}

/** The event of a settled prediction, binary. `waitMs`: a default label is as old as the end of the wait. */
export function encodeOutcome({ prediction, ending, replaces, revision }: Settled, waitMs: number): Uint8Array {
  const outcome = outcomeOf(prediction, ending, revision);
  return outcomes.Outcome.encode({
    ...outcome,
    labelledAtMs: ending.kind === 'defaulted' ? prediction.predictedAtMs + waitMs : outcome.labelledAtMs,
    replacedKind: kindOf(replaces),
    replacedLabel: replaces === null || replaces.kind === 'expired' ? 0 : replaces.label,
  }).finish();
}

interface PackedEntry {
  readonly model: string;
  readonly by: Label['by'];
  readonly key: string;
  readonly labels: readonly (readonly [timeMs: number, label: number])[];
  readonly used: boolean;
}

/** A label entry as packed JSON. All its labels have one key. */
export function encodeEntry(model: string, { labels, used }: LabelEntry): string {
  const packed: PackedEntry = {
    model,
    by: labels[0]?.by ?? 'key',
    key: labels[0]?.key ?? '',
    labels: labels.map(({ labelledAtMs, label }) => [labelledAtMs, label] as const),
    used,
  };
  return JSON.stringify(packed);
}

export function decodeEntry(text: string): {
  readonly model: string;
  readonly lookup: string;
  readonly entry: LabelEntry;
} {
  const { model, by, key, labels, used } = JSON.parse(text) as PackedEntry;
  return {
    model,
    lookup: lookupOf({ by, key }),
    entry: { labels: labels.map(([labelledAtMs, label]): Label => ({ by, key, label, labelledAtMs })), used },
  };
}
