import { outcomes, serving } from '@everloop/contracts';
import type { ArmTotals } from './arms.ts';
import type { Label, LabelEntry, Prediction, Settled } from './types.ts';

const labelPrefix = 'label/';

/** Key of a label entry in the changelog; a prediction's key is its decision id. */
export function labelKey(model: string, joinKey: string): string {
  return `${labelPrefix}${model}/${joinKey}`;
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

/** A prediction from the inference log. Throws on bytes that are not an Inference. */
export function decodeInference(bytes: Uint8Array): Prediction {
  const inference = serving.Inference.decode(bytes);
  return {
    decisionId: inference.decisionId,
    model: inference.model,
    modelVersion: inference.modelVersion,
    championVersion: inference.championVersion,
    arm: inference.arm,
    joinKey: inference.joinKey,
    predictedAtMs: inference.eventTimeMs,
    score: inference.score,
    learn: inference.learn,
    slices: [],
  };
}

function copied(prediction: Prediction): outcomes.Outcome {
  return outcomes.Outcome.fromPartial({ ...prediction, slices: [...prediction.slices] });
}

/** A pending prediction: an Outcome without a kind. */
export function encodePending(prediction: Prediction): Uint8Array {
  return outcomes.Outcome.encode(copied(prediction)).finish();
}

export function decodePending(bytes: Uint8Array): Prediction {
  const { decisionId, model, modelVersion, championVersion, arm, joinKey, predictedAtMs, score, learn, slices } =
    outcomes.Outcome.decode(bytes);
  return { decisionId, model, modelVersion, championVersion, arm, joinKey, predictedAtMs, score, learn, slices };
}

/** The event of a settled prediction, binary. */
export function encodeOutcome(settled: Settled): Uint8Array {
  const { prediction, ending } = settled;
  const end =
    ending.kind === 'labelled'
      ? { kind: outcomes.OutcomeKind.LABELLED, label: ending.label, labelledAtMs: ending.labelledAtMs }
      : { kind: outcomes.OutcomeKind.EXPIRED };
  return outcomes.Outcome.encode({ ...copied(prediction), ...end }).finish();
}

interface PackedEntry {
  readonly model: string;
  readonly key: string;
  readonly labels: readonly (readonly [timeMs: number, label: 0 | 1])[];
  readonly settled: readonly (readonly [decisionId: string, predictedAtMs: number])[];
}

/** A label entry as packed JSON. */
export function encodeEntry(model: string, joinKey: string, entry: LabelEntry): string {
  const packed: PackedEntry = {
    model,
    key: joinKey,
    labels: entry.labels.map(({ labelledAtMs, label }) => [labelledAtMs, label] as const),
    settled: [...entry.settled],
  };
  return JSON.stringify(packed);
}

export function decodeEntry(text: string): {
  readonly model: string;
  readonly joinKey: string;
  readonly entry: LabelEntry;
} {
  const packed = JSON.parse(text) as PackedEntry;
  const labels = packed.labels.map(([labelledAtMs, label]): Label => ({ joinKey: packed.key, label, labelledAtMs }));
  return { model: packed.model, joinKey: packed.key, entry: { labels, settled: new Map(packed.settled) } };
}
