export interface EstimateOptions {
  /** A score of at least this is a predicted positive. Default 0.5. */
  readonly threshold?: number;
  /** Rows that each element stands for, such as counts of score bins. Default 1 each. */
  readonly rows?: ArrayLike<number>;
}

/** An estimate and its standard error. */
export interface Estimated {
  readonly value: number;
  readonly error: number;
}

/** What the quality of scored rows is expected to be. What is not defined is NaN. */
export interface EstimatedQuality {
  readonly rows: number;
  /** Expected rows of label 1. */
  readonly positives: number;
  readonly logLoss: Estimated;
  readonly brier: Estimated;
  readonly auc: Estimated;
  readonly accuracy: Estimated;
  readonly precision: Estimated;
  readonly recall: Estimated;
  readonly f1: Estimated;
}

/** Scores are kept this far from 0 and 1, as in `logLossOf`. */
const scoreMin = 1e-15;

interface Columns {
  readonly p: Float64Array;
  readonly score: Float64Array;
  readonly rows: Float64Array;
  readonly isPredicted: Uint8Array;
}

/** Elements with a probability and a score, by score. */
function columnsOf(probabilities: ArrayLike<number>, scores: ArrayLike<number>, options: EstimateOptions): Columns {
  const order = Uint32Array.from({ length: scores.length }, (_, i) => i)
    .filter((i) => !Number.isNaN(scores[i]) && !Number.isNaN(probabilities[i]) && (options.rows?.[i] ?? 1) > 0)
    .sort((a, b) => (scores[a] ?? 0) - (scores[b] ?? 0));
  const score = Float64Array.from(order, (i) => scores[i] ?? 0);
  return {
    p: Float64Array.from(order, (i) => Math.min(1, Math.max(0, probabilities[i] ?? 0))),
    score,
    rows: Float64Array.from(order, (i) => options.rows?.[i] ?? 1),
    isPredicted: Uint8Array.from(score, (value) => (value >= (options.threshold ?? 0.5) ? 1 : 0)),
  };
}

/** Σ rows · f(i). */
function sum({ rows }: Columns, f: (i: number) => number): number {
  let total = 0;
  for (let i = 0; i < rows.length; i += 1) total += (rows[i] ?? 0) * f(i);
  return total;
}

/** Standard error of a quantity that moves by `influence(i)` when label i turns from 0 to 1. */
function errorOf(columns: Columns, influence: (i: number) => number): number {
  const { p } = columns;
  return Math.sqrt(sum(columns, (i) => (p[i] ?? 0) * (1 - (p[i] ?? 0)) * influence(i) ** 2));
}

function meanLoss(columns: Columns, total: number, loss: (score: number, label: 0 | 1) => number): Estimated {
  const { p, score } = columns;
  const at = (i: number, label: 0 | 1): number => loss(score[i] ?? 0, label);
  return {
    value: sum(columns, (i) => (p[i] ?? 0) * at(i, 1) + (1 - (p[i] ?? 0)) * at(i, 0)) / total,
    error: errorOf(columns, (i) => (at(i, 1) - at(i, 0)) / total),
  };
}

function logLossAt(score: number, label: 0 | 1): number {
  const clipped = Math.min(1 - scoreMin, Math.max(scoreMin, score));
  return label === 1 ? -Math.log(clipped) : -Math.log1p(-clipped);
}

/** Area with ties counted half; how much label i moves it is what is below it less what is above it. */
function area(columns: Columns, positives: number, negatives: number): Estimated {
  const { p, score, rows } = columns;
  const influence = new Float64Array(p.length);
  let [wins, negativesBelow, positivesBelow] = [0, 0, 0];
  for (let i = 0; i < p.length;) {
    let [tiedPositives, tiedNegatives] = [0, 0];
    let end = i;
    for (; end < p.length && score[end] === score[i]; end += 1) {
      tiedPositives += (rows[end] ?? 0) * (p[end] ?? 0);
      tiedNegatives += (rows[end] ?? 0) * (1 - (p[end] ?? 0));
    }
    wins += tiedPositives * (negativesBelow + tiedNegatives / 2);
    const positivesAbove = positives - positivesBelow - tiedPositives;
    const gain = negativesBelow + tiedNegatives / 2 - positivesAbove - tiedPositives / 2;
    influence.fill(gain / (positives * negatives), i, end);
    negativesBelow += tiedNegatives;
    positivesBelow += tiedPositives;
    i = end;
  }
  const value = wins / (positives * negatives);
  const shift = value / negatives - value / positives;
  return { value, error: errorOf(columns, (i) => (influence[i] ?? 0) + shift) };
}

/**
 * Quality of a model while labels are missing: what it is expected to be when each row's label is 1 with its calibrated probability
 * (`isotonicValue` of a map fitted on labelled rows). Holds as long as the relation of score and label is that of the calibration, that is under
 * drift of the inputs that the score sees; it cannot see concept drift, which only labels show.
 *
 * `error` is the standard error of the quality itself around the estimate, since labels are chance (independent, by the delta method); the
 * error of the calibration comes on top. With `rows` it works on counts of score bins, so it can be had from merged panes. Elements with NaN
 * are left out. O(n log n).
 *
 * Source: the confidence-based performance estimation of NannyML (J. Białek et al. 2024, Estimating Model Performance Under Covariate Shift Without Labels,
 * arXiv:2401.08348, section 3), ties in the area counted half.
 *
 * @example
 * estimateQuality([0.9, 0.2, 0.6], [0.8, 0.1, 0.7]).precision.value.toFixed(6) // → "0.750000"
 */
export function estimateQuality(
  probabilities: ArrayLike<number>,
  scores: ArrayLike<number>,
  options: EstimateOptions = {},
): EstimatedQuality {
  const columns = columnsOf(probabilities, scores, options);
  const { p, isPredicted } = columns;
  const predicted = (i: number): number => isPredicted[i] ?? 0;
  const total = sum(columns, () => 1);
  const positives = sum(columns, (i) => p[i] ?? 0);
  const flagged = sum(columns, predicted);
  const hits = sum(columns, (i) => predicted(i) * (p[i] ?? 0));
  const recall = hits / positives;
  const f1 = (2 * hits) / (flagged + positives);
  return {
    ...{ rows: total, positives },
    logLoss: meanLoss(columns, total, logLossAt),
    brier: meanLoss(columns, total, (score, label) => (score - label) ** 2),
    auc: area(columns, positives, total - positives),
    accuracy: {
      value: (total - flagged - positives + 2 * hits) / total,
      error: errorOf(columns, (i) => (2 * predicted(i) - 1) / total),
    },
    precision: { value: hits / flagged, error: errorOf(columns, (i) => predicted(i) / flagged) },
    recall: { value: recall, error: errorOf(columns, (i) => (predicted(i) - recall) / positives) },
    f1: { value: f1, error: errorOf(columns, (i) => (2 * predicted(i) - f1) / (flagged + positives)) },
  };
}
