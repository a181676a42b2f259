import type { outcomes } from '@everloop/contracts';
import {
  addErrors,
  addToBin,
  errorsOf,
  logBin,
  noErrors,
  ScoreSums,
  scoreBin,
  sparseCounts,
  type LogHistogram,
} from '@everloop/stats';
import type { Ending, Prediction, Settled } from './types.ts';

const hourMs = 3_600_000;
const dayMs = 86_400_000;
/** Equal bins of [0, 1] for the scores of all predictions; fixed by outcomes.v1.OutcomeStats. */
const scoreBins = 200;

interface Summed {
  readonly read: readonly Prediction[];
  readonly settled: readonly Settled[];
}

/** How labels are taken: how long one may be on its way before it is late, and whether it is a number and not one of two classes. */
export interface LabelKind {
  readonly waitMs: number;
  readonly isNumeric: boolean;
}

/** Event time at which an ending is known; 0: it has no label. */
function settledAt({ predictedAtMs }: Prediction, ending: Ending, { waitMs }: LabelKind): number {
  switch (ending.kind) {
    case 'expired':
      return 0;
    case 'defaulted':
      return predictedAtMs + waitMs;
    case 'labelled':
      return ending.labelledAtMs;
  }
}

/** The sums of one version, arm, event hour and slice while a batch is added up. */
class Group {
  readonly #first: Prediction;
  readonly #slice: string;
  readonly #kind: LabelKind;
  readonly #sums = new ScoreSums();
  readonly #predicted = new Float64Array(scoreBins);
  readonly #delays: LogHistogram = new Map();
  readonly #counts = { predictions: 0, expired: 0, defaulted: 0, late: 0, corrected: 0 };
  #errors = noErrors;
  #settledAtMs = 0;

  constructor(first: Prediction, slice: string, kind: LabelKind) {
    this.#first = first;
    this.#slice = slice;
    this.#kind = kind;
  }

  read(prediction: Prediction): void {
    this.#counts.predictions += 1;
    if (this.#kind.isNumeric) return;
    const bin = scoreBin(prediction.score, scoreBins);
    this.#predicted[bin] = (this.#predicted[bin] ?? 0) + 1;
  }

  end(prediction: Prediction, ending: Ending, sign: 1 | -1): void {
    if (ending.kind === 'expired') {
      this.#counts.expired += sign;
      return;
    }
    if (this.#kind.isNumeric) this.#errors = addErrors(this.#errors, errorsOf(prediction.score, ending.label), sign);
    else this.#sums.add(prediction.score, ending.label, sign);
    const labelledAtMs = settledAt(prediction, ending, this.#kind);
    if (sign > 0) this.#settledAtMs = Math.max(this.#settledAtMs, labelledAtMs);
    if (ending.kind === 'defaulted') {
      this.#counts.defaulted += sign;
      return;
    }
    const delayMs = labelledAtMs - prediction.predictedAtMs;
    addToBin(this.#delays, logBin(delayMs / 1000), sign);
    if (delayMs > this.#kind.waitMs) this.#counts.late += sign;
  }

  correct(): void {
    this.#counts.corrected += 1;
  }

  result(): outcomes.OutcomeStats {
    const { model, modelVersion, arm, predictedAtMs } = this.#first;
    return {
      ...{ model, modelVersion, arm, slice: this.#slice },
      dayMs: Math.floor(predictedAtMs / dayMs) * dayMs,
      hourMs: Math.floor(predictedAtMs / hourMs) * hourMs,
      ...this.#counts,
      ...this.#sums.state(),
      ...(this.#kind.isNumeric ? { labelled: this.#errors.rows, errors: { ...this.#errors } } : { errors: undefined }),
      settledAtMs: this.#settledAtMs,
      predictedScores: sparseCounts(this.#predicted),
      delays: delayCounts(this.#delays),
    };
  }
}

function delayCounts(delays: LogHistogram): { bins: number[]; counts: number[] } {
  const used = [...delays].filter(([, count]) => count !== 0).sort(([a], [b]) => a - b);
  return { bins: used.map(([bin]) => bin), counts: used.map(([, count]) => count) };
}

/**
 * What one batch or watermark changes in the sums: a record for each model version, arm, event hour of the prediction and slice (all predictions are
 * slice ""), sorted by them. Those of all predictions are divided by the event hour of the label, too, so that a reader that counts up to an hour counts
 * the same whatever came in one batch. A replaced ending is taken away. All sums are whole, so those of any division of the changes add up to the
 * same. O(predictions × slices).
 */
export function summarise(changes: Summed, kind: LabelKind): readonly outcomes.OutcomeStats[] {
  const groups = new Map<string, Group>();
  const each = (prediction: Prediction, settledAtMs: number, add: (group: Group) => void): void => {
    const { modelVersion, arm, predictedAtMs } = prediction;
    for (const slice of ['', ...prediction.slices]) {
      const settledHour = slice === '' ? Math.floor(settledAtMs / hourMs) : 0;
      const key = `${modelVersion}\n${arm}\n${Math.floor(predictedAtMs / hourMs)}\n${slice}\n${settledHour}`;
      const group = groups.get(key) ?? new Group(prediction, slice, kind);
      groups.set(key, group);
      add(group);
    }
  };
  for (const prediction of changes.read) each(prediction, 0, (group) => group.read(prediction));
  for (const { prediction, ending, replaces } of changes.settled)
    each(prediction, settledAt(prediction, ending, kind), (group) => {
      group.end(prediction, ending, 1);
      if (replaces === null) return;
      group.end(prediction, replaces, -1);
      group.correct();
    });
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group.result());
}
