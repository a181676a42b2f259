import type { outcomes } from '@everloop/contracts';
import { addSparseCounts, ScoreSums, sparseCounts, type ScoreSumsState, type SparseCounts } from '@everloop/stats';

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
  };
}

/** All rows of some hours of one slice together, as of one that begins with the first. */
export function mergeHours(hours: readonly OutcomeHour[]): OutcomeHour {
  const sums = new ScoreSums();
  const scores = new Float64Array(scoreBins);
  let [predictions, expired, hourMs] = [0, 0, Infinity];
  for (const hour of hours) {
    sums.merge(hour);
    addSparseCounts(scores, hour.predictedScores);
    predictions += hour.predictions;
    expired += hour.expired;
    hourMs = Math.min(hourMs, hour.hourMs);
  }
  const { model = '', version = '', slice = '' } = hours[0] ?? {};
  return {
    ...sums.state(),
    ...{ model, version, slice, hourMs, predictions, expired },
    predictedScores: sparseCounts(scores),
  };
}

/** Mean log loss of the labelled rows, nats; NaN without. */
export function meanLogLoss({ logLossNano, labelled }: ScoreSumsState): number {
  return logLossNano / labelled / 1e9;
}

/** Variance of the log loss of a row, nats²; NaN without rows. */
export function varianceOfLogLoss(sums: ScoreSumsState): number {
  return Math.max(0, sums.logLossSquaredMicro / sums.labelled / 1e6 - meanLogLoss(sums) ** 2);
}

/** Sums of the quality of what is in `sums`, by the names of drift.v1.QualityReport; what is not defined is left out. */
export function metricsOf(sums: ScoreSumsState): Record<string, number> {
  const all = new ScoreSums();
  all.merge(sums);
  const { logLoss, auc, brier, calibrationError, f1, precision, recall, rmse, mae } = all.quality();
  const named = { logLoss, auc, brier, calibrationError, f1, precision, recall, rmse, mae };
  return Object.fromEntries(Object.entries(named).filter(([, value]) => Number.isFinite(value)));
}
