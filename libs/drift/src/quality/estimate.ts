import { drift, type PerformanceSpec } from '@everloop/contracts';
import {
  addSparseCounts,
  estimateQuality,
  isotonicFit,
  isotonicValue,
  logLossOf,
  type EstimatedQuality,
} from '@everloop/stats';
import { alphaOf, boundOf, designEffect } from './noise.ts';
import { mergeHours, scoreBins } from './outcomes.ts';
import { aboutSlice, reportOf, type Evaluated, type QualityWindow } from './performance.ts';
import { emptyTrack, type Calibration, type Promised, type Track } from './track.ts';

const middles = Float64Array.from({ length: scoreBins }, (_, bin) => (bin + 0.5) / scoreBins);

interface Calibrated {
  /** Probability of label 1 in each bin. */
  readonly probabilities: Float64Array;
  /** Labelled rows in each bin. */
  readonly rows: Float64Array;
  /** True less estimated log loss of the rows that calibrate: what bins and the map lose. */
  readonly bias: number;
}

function calibrate(calibrations: readonly Calibration[]): Calibrated {
  const [negatives, positives] = [new Float64Array(scoreBins), new Float64Array(scoreBins)];
  let [nano, labelled] = [0, 0];
  for (const one of calibrations) {
    addSparseCounts(negatives, one.negativeScores);
    addSparseCounts(positives, one.positiveScores);
    nano += one.logLossNano;
    labelled += one.labelled;
  }
  const labels = Float64Array.from({ length: 2 * scoreBins }, (_, i) => (i < scoreBins ? 0 : 1));
  const map = isotonicFit([...middles, ...middles], labels, [...negatives, ...positives]);
  const rows = negatives.map((count, bin) => count + (positives[bin] ?? 0));
  const probabilities = middles.map((score) => isotonicValue(map, score));
  const estimated = estimateQuality(probabilities, middles, { rows });
  return { probabilities, rows, bias: nano / 1e9 / labelled - estimated.logLoss.value };
}

/** Standard error of the estimate that comes of the calibration: each bin's share of labels is known from its rows alone. */
function calibrationError({ probabilities, rows }: Calibrated, scores: Float64Array, total: number): number {
  let variance = 0;
  scores.forEach((count, bin) => {
    const p = probabilities[bin] ?? 0;
    const score = middles[bin] ?? 0.5;
    const gain = ((logLossOf(score, 1) - logLossOf(score, 0)) * count) / total;
    variance += (gain * gain * p * (1 - p)) / Math.max(1, rows[bin] ?? 0);
  });
  return Math.sqrt(variance);
}

function metricsOf(quality: EstimatedQuality): Record<string, number> {
  const { auc, brier, f1, precision, recall } = quality;
  const named = { auc, brier, f1, precision, recall };
  return Object.fromEntries(
    Object.entries(named).flatMap(([name, { value }]) => (Number.isFinite(value) ? [[name, value]] : [])),
  );
}

/**
 * Estimates the quality of a window whose labels have not come, from its scores alone (CBPE): what it will be if labels follow scores as they did in
 * the version's newest labelled windows. So it sees that inputs moved to where the version does worse; it cannot see that the relation of
 * inputs and label changed, which is what `judgePerformance` is for. DRIFTED by the same rule, with the standard errors of the labels to come, of the
 * calibration and of the promise. O(bins log bins).
 */
export function estimatePerformance(
  window: QualityWindow,
  spec: PerformanceSpec,
  promised: Promised | null,
  before: Track = emptyTrack,
): Evaluated {
  const all = mergeHours(window.hours);
  const report = reportOf(window, 'estimated', all);
  report.maxExcess = spec.maxLogLossExcess;
  report.verdict = drift.DriftVerdict.INSUFFICIENT;
  const held = promised ?? before.first;
  if (all.predictions < spec.minLabelled || before.calibrations.length === 0 || held === null) {
    const why =
      all.predictions < spec.minLabelled
        ? `insufficient predictions: ${all.predictions} of at least ${spec.minLabelled}`
        : `version ${window.version} has no labelled window yet, so nothing calibrates its scores`;
    report.reason = aboutSlice(window) + why;
    return { report, track: before };
  }
  const calibrated = calibrate(before.calibrations);
  const scores = addSparseCounts(new Float64Array(scoreBins), all.predictedScores);
  const quality = estimateQuality(calibrated.probabilities, middles, { rows: scores });
  const observed = quality.logLoss.value + calibrated.bias;
  const calibration = calibrationError(calibrated, scores, quality.rows);
  const promise = quality.logLoss.error * Math.sqrt(quality.rows / held.rows);
  const error = Math.sqrt(designEffect(before.noise)) * Math.hypot(quality.logLoss.error, calibration, promise);
  const track = { ...before, estimatedWindows: before.estimatedWindows + 1 };
  const reach = boundOf(alphaOf(1 - spec.confidence, track.estimatedWindows), before.noise, quality.rows) * error;
  const excess = observed - held.loss;
  const isWorse = observed - reach > held.loss && excess > spec.maxLogLossExcess;
  Object.assign(report, {
    ...{ observed, expected: held.loss, lower: Math.max(0, observed - reach), upper: observed + reach },
    metrics: { ...metricsOf(quality), logLoss: observed },
    verdict: isWorse ? drift.DriftVerdict.DRIFTED : drift.DriftVerdict.STABLE,
    reason: `${aboutSlice(window)}${isWorse ? 'expected to be worse' : 'expected as promised'}: log loss ${observed.toFixed(4)} ± ${error.toFixed(4)} estimated from ${quality.rows} scores against ${held.loss.toFixed(4)} promised, an excess of ${spec.maxLogLossExcess} matters`,
  });
  return { report, track };
}
