import type { outcomes } from '@everloop/contracts';
import {
  addErrors,
  addSparseCounts,
  errorQuality,
  noErrors,
  ScoreSums,
  sparseCounts,
  type ErrorSumsState,
  type ScoreSumsState,
  type SparseCounts,
} from '@everloop/stats';

/** What became of the predictions of one champion version in one event hour and slice; whole numbers that add up. */
export interface OutcomeHour extends ScoreSumsState {
  readonly model: string;
  readonly version: string;
  /** Empty: all predictions. */
  readonly slice: string;
  /** Start, epoch milliseconds UTC. */
  readonly hourMs: number;
  readonly predictions: number;
  readonly expired: number;
  readonly predictedScores: SparseCounts;
  /** Of labels that are numbers, whose loss is the absolute error; null: of two classes, whose loss is the log loss, or nothing is labelled. */
  readonly errors: ErrorSumsState | null;
}

/** Equal bins of [0, 1] that scores are counted in; fixed by outcomes.v1.OutcomeStats. */
export const scoreBins = 200;

const noScores: SparseCounts = { bins: [], counts: [] };

/** The hour of outcome statistics; null for those of other arms than the champion's. */
export function outcomeHour(stats: outcomes.OutcomeStats): OutcomeHour | null {
  if (stats.arm !== 'champion') return null;
  const { model, modelVersion, slice, hourMs, predictions, expired, labelled, positives, brierNano, scoreNano } = stats;
  const { logLossNano, logLossSquaredMicro, absoluteNano, negativeScores, positiveScores } = stats;
  return {
    ...{ model, version: modelVersion, slice, hourMs, predictions, expired, labelled, positives, brierNano, scoreNano },
    ...{ logLossNano, logLossSquaredMicro, absoluteNano, negativeScores, positiveScores },
    predictedScores: stats.predictedScores ?? noScores,
    errors: stats.errors ?? null,
  };
}

/** All rows of some hours of one slice together, as of one that begins with the first. */
export function mergeHours(hours: readonly OutcomeHour[]): OutcomeHour {
  const sums = new ScoreSums();
  const scores = new Float64Array(scoreBins);
  let [predictions, expired, hourMs] = [0, 0, Infinity];
  let errors: ErrorSumsState | null = null;
  for (const hour of hours) {
    sums.merge(hour);
    addSparseCounts(scores, hour.predictedScores);
    predictions += hour.predictions;
    expired += hour.expired;
    hourMs = Math.min(hourMs, hour.hourMs);
    if (hour.errors !== null) errors = addErrors(errors ?? noErrors, hour.errors);
  }
  const { model = '', version = '', slice = '' } = hours[0] ?? {};
  return {
    ...sums.state(),
    ...{ model, version, slice, hourMs, predictions, expired, errors },
    predictedScores: sparseCounts(scores),
  };
}

/** Sum of the losses of the labelled rows and of their squares: log losses in nats, or absolute errors in the label's unit. */
export function lossOf({ errors, logLossNano, logLossSquaredMicro }: OutcomeHour): {
  readonly sum: number;
  readonly squares: number;
} {
  return errors === null
    ? { sum: logLossNano / 1e9, squares: logLossSquaredMicro / 1e6 }
    : { sum: errors.absoluteMicro / 1e6, squares: errors.squaredMicro / 1e6 };
}

/** Mean loss of the labelled rows; NaN without. */
export function meanLoss(hour: OutcomeHour): number {
  return lossOf(hour).sum / hour.labelled;
}

/** Variance of the loss of a row; NaN without rows. */
export function varianceOfLoss(hour: OutcomeHour): number {
  return Math.max(0, lossOf(hour).squares / hour.labelled - meanLoss(hour) ** 2);
}

/** Sums of the quality of what is in `sums`, by the names of drift.v1.QualityReport; what is not defined is left out. */
export function metricsOf(hour: OutcomeHour): Record<string, number> {
  const named = hour.errors === null ? ofClasses(hour) : ofNumbers(hour.errors);
  return Object.fromEntries(Object.entries(named).filter(([, value]) => Number.isFinite(value)));
}

function ofClasses(sums: ScoreSumsState): Record<string, number> {
  const all = new ScoreSums();
  all.merge(sums);
  const { logLoss, auc, brier, calibrationError, f1, precision, recall, rmse, mae } = all.quality();
  return { logLoss, auc, brier, calibrationError, f1, precision, recall, rmse, mae };
}

function ofNumbers(errors: ErrorSumsState): Record<string, number> {
  const { mae, rmse, bias } = errorQuality(errors);
  return { mae, rmse, bias };
}
