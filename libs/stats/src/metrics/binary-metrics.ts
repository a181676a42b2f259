import { ExactSum, type ExactSumState } from '../numerics/exact-sum.ts';
import { aucErrorBound, aucFromBins, logLossOf } from './auc.ts';
import { scoreBin } from '../bins/bins.ts';

export interface BinaryMetricsOptions {
  /** A score of at least this is a predicted positive. Default 0.5. */
  readonly threshold?: number;
  /** Equal bins of [0, 1] for the area under the curve. Default 1,000. */
  readonly scoreBins?: number;
  /** Equal bins of [0, 1] for the calibration error. Default 15, as Guo et al. (2017). */
  readonly calibrationBins?: number;
}

/** Quality of scores of two classes; what is not defined for the rows is NaN. */
export interface BinaryQuality {
  readonly rows: number;
  readonly positives: number;
  /** Mean, nats; scores within 1e-15 of 0 and 1 are kept there. */
  readonly logLoss: number;
  /** Mean squared difference of score and label. */
  readonly brier: number;
  /** Scores of one bin count as ties; the exact area is within `aucError` of it. */
  readonly auc: number;
  readonly aucError: number;
  /** Expected calibration error: mean distance of score and share of positives over the bins, by rows. */
  readonly calibrationError: number;
  readonly accuracy: number;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

/** What a `BinaryMetrics` holds; equal for equal rows. */
export interface BinaryMetricsState {
  readonly negativeBins: readonly number[];
  readonly positiveBins: readonly number[];
  /** Rows above the threshold, by label 0 and 1. */
  readonly predicted: readonly [number, number];
  readonly logLoss: ExactSumState;
  readonly brier: ExactSumState;
  readonly calibrationRows: readonly number[];
  readonly calibrationPositives: readonly number[];
  readonly calibrationScores: readonly ExactSumState[];
}

const sumOf = (counts: Float64Array): number => counts.reduce((a, b) => a + b, 0);

/**
 * Log loss, Brier score, calibration error, area under the curve, accuracy, precision, recall and F1 of scored rows, in fixed memory
 * (about 25 KB with the defaults). Counts are whole and sums are exact (`ExactSum`), so the result is bit for bit the same however
 * the rows are divided, ordered and merged. A row costs O(1) and allocates nothing; NaN scores are left out and counted in `unscored`.
 *
 * Source: G. W. Brier (1950), Monthly Weather Review 78, 1-3; I. J. Good (1952), JRSS B 14, 107-114; M. P. Naeini, G. F. Cooper and M. Hauskrecht
 * (2015), AAAI, 2901-2907 (expected calibration error); C. J. van Rijsbergen (1979), Information Retrieval, chapter 7 (F1).
 *
 * const m = new BinaryMetrics(); m.add(0.9, 1); m.add(0.2, 0); m.add(0.6, 0); m.quality().f1.toFixed(6) // → "0.666667"
 */
export class BinaryMetrics {
  readonly #threshold: number;
  readonly #negatives: Float64Array;
  readonly #positives: Float64Array;
  readonly #predicted = new Float64Array(2);
  readonly #logLoss = new ExactSum();
  readonly #brier = new ExactSum();
  readonly #binRows: Float64Array;
  readonly #binPositives: Float64Array;
  readonly #binScores: readonly ExactSum[];
  #unscored = 0;

  constructor(options: BinaryMetricsOptions = {}) {
    this.#threshold = options.threshold ?? 0.5;
    this.#negatives = new Float64Array(options.scoreBins ?? 1000);
    this.#positives = new Float64Array(options.scoreBins ?? 1000);
    const bins = options.calibrationBins ?? 15;
    this.#binRows = new Float64Array(bins);
    this.#binPositives = new Float64Array(bins);
    this.#binScores = Array.from({ length: bins }, () => new ExactSum());
  }

  /** Rows left out since their score was not a number. */
  get unscored(): number {
    return this.#unscored;
  }

  /** Adds a row: its score in [0, 1] and its label, 0 or 1 (above 0.5 is positive). */
  add(score: number, label: number): void {
    if (Number.isNaN(score)) {
      this.#unscored += 1;
      return;
    }
    const positive = label > 0.5 ? 1 : 0;
    const bins = positive === 1 ? this.#positives : this.#negatives;
    const bin = scoreBin(score, bins.length);
    bins[bin] = (bins[bin] ?? 0) + 1;
    if (score >= this.#threshold) this.#predicted[positive] = (this.#predicted[positive] ?? 0) + 1;
    this.#logLoss.add(logLossOf(score, positive));
    this.#brier.add((score - positive) * (score - positive));
    const place = scoreBin(score, this.#binRows.length);
    this.#binRows[place] = (this.#binRows[place] ?? 0) + 1;
    this.#binPositives[place] = (this.#binPositives[place] ?? 0) + positive;
    this.#binScores[place]?.add(score);
  }

  /** Adds the rows of one with the same options. */
  merge(state: BinaryMetricsState): void {
    addTo(this.#negatives, state.negativeBins);
    addTo(this.#positives, state.positiveBins);
    addTo(this.#predicted, state.predicted);
    addTo(this.#binRows, state.calibrationRows);
    addTo(this.#binPositives, state.calibrationPositives);
    this.#logLoss.merge(state.logLoss);
    this.#brier.merge(state.brier);
    state.calibrationScores.forEach((sum, i) => this.#binScores[i]?.merge(sum));
  }

  state(): BinaryMetricsState {
    return {
      negativeBins: [...this.#negatives],
      positiveBins: [...this.#positives],
      predicted: [this.#predicted[0] ?? 0, this.#predicted[1] ?? 0],
      logLoss: this.#logLoss.state(),
      brier: this.#brier.state(),
      calibrationRows: [...this.#binRows],
      calibrationPositives: [...this.#binPositives],
      calibrationScores: this.#binScores.map((sum) => sum.state()),
    };
  }

  quality(): BinaryQuality {
    const positives = sumOf(this.#positives);
    const rows = sumOf(this.#negatives) + positives;
    const [falsePositives, truePositives] = [this.#predicted[0] ?? 0, this.#predicted[1] ?? 0];
    const predicted = falsePositives + truePositives;
    return {
      ...{ rows, positives },
      logLoss: this.#logLoss.value / rows,
      brier: this.#brier.value / rows,
      auc: aucFromBins(this.#negatives, this.#positives),
      aucError: aucErrorBound(this.#negatives, this.#positives),
      calibrationError: this.#calibrationError(rows),
      accuracy: (rows - falsePositives - (positives - truePositives)) / rows,
      precision: truePositives / predicted,
      recall: truePositives / positives,
      f1: (2 * truePositives) / (predicted + positives),
    };
  }

  #calibrationError(rows: number): number {
    if (rows === 0) return Number.NaN;
    const gaps = this.#binScores.map((scores, i) => Math.abs(scores.value - (this.#binPositives[i] ?? 0)));
    return gaps.reduce((sum, gap) => sum + gap, 0) / rows;
  }
}

function addTo(counts: Float64Array, more: readonly number[]): void {
  more.forEach((count, i) => {
    counts[i] = (counts[i] ?? 0) + count;
  });
}
