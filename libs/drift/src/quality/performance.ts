import { drift, eventId, type PerformanceSpec } from '@everloop/contracts';
import { alphaOf, boundOf, designEffect, sequenceRadius } from './noise.ts';
import { meanLoss, mergeHours, metricsOf, varianceOfLoss, type OutcomeHour } from './outcomes.ts';
import { emptyTrack, follow, type Promised, type Track } from './track.ts';

/** A window of the outcomes of one version, of all its predictions or those of a slice, in event time of its predictions. */
export interface QualityWindow {
  readonly monitor: string;
  readonly model: string;
  readonly version: string;
  /** Empty: all predictions. */
  readonly slice: string;
  /** What decides: log loss, or mean absolute error where the label is a number. */
  readonly metric: 'logLoss' | 'mae';
  readonly startMs: number;
  readonly endMs: number;
  readonly hours: readonly OutcomeHour[];
}

/** A report with what is remembered after it. */
export interface Evaluated {
  readonly report: drift.QualityReport;
  readonly track: Track;
}

/** What a report of any kind begins with. */
export function reportOf(
  window: QualityWindow,
  kind: 'performance' | 'estimated',
  all: OutcomeHour,
): drift.QualityReport {
  const { monitor, model, version, slice, metric, startMs, endMs } = window;
  return drift.QualityReport.fromPartial({
    id: eventId('quality', kind, monitor, model, version, String(endMs), ...(slice === '' ? [] : [slice])),
    ...{ model, modelVersion: version, slice, monitor, windowStartMs: startMs, windowEndMs: endMs, kind },
    ...{ predictions: all.predictions, labelled: all.labelled, metric },
  });
}

const figure = (value: number): string => value.toFixed(4);

/** What decides, in words, and how much more of it matters. */
const measures = {
  logLoss: ({ maxLogLossExcess }: PerformanceSpec) => ({ name: 'log loss', maxExcess: maxLogLossExcess }),
  mae: ({ maxMaeExcess = 0 }: PerformanceSpec) => ({ name: 'mean absolute error', maxExcess: maxMaeExcess }),
} as const;

/** What a reason begins with: which slice it is about. */
export function aboutSlice({ slice }: QualityWindow): string {
  return slice === '' ? '' : `slice ${slice}: `;
}

/**
 * Judges a window whose wait for labels is over: log loss (of labels that are numbers: mean absolute error) of its labelled rows against what the version promised. All predictions of the window have
 * had the same time for their labels, so those that come quickly do not stand for all (they seldom are like them).
 *
 * DRIFTED when the loss is above the promise by more than `maxLogLossExcess` (`maxMaeExcess`) and certainly above it: by the bound of this window, whose share of 1 -
 * `confidence` is spent so that all windows of the version together keep it (`alphaOf`), or by the confidence sequence over all rows since the
 * version began to serve, which finds what is small and stays. Standard errors count days (hours in short windows) for clusters, and the error of
 * the promise itself. Without a promise the first full window is one for those after it. O(hours).
 */
export function judgePerformance(
  window: QualityWindow,
  spec: PerformanceSpec,
  promised: Promised | null,
  before: Track = emptyTrack,
): Evaluated {
  const all = mergeHours(window.hours);
  const report = reportOf(window, 'performance', all);
  const { name, maxExcess } = measures[window.metric](spec);
  report.maxExcess = maxExcess;
  if (all.labelled < spec.minLabelled) {
    report.verdict = drift.DriftVerdict.INSUFFICIENT;
    report.reason = `${aboutSlice(window)}insufficient labels: ${all.labelled} of at least ${spec.minLabelled}, of ${all.predictions} predictions`;
    return { report, track: before };
  }
  const observed = meanLoss(all);
  const held = promised ?? before.first;
  const { track: after, changes } = follow(before, all, window.hours, {
    windowMs: window.endMs - window.startMs,
    expected: held?.loss ?? observed,
  });
  Object.assign(report, { observed, metrics: metricsOf(all), changes, expected: held?.loss ?? observed });
  if (held === null) {
    Object.assign(report, { lower: observed, upper: observed, verdict: drift.DriftVerdict.STABLE });
    report.reason = `${aboutSlice(window)}reference: ${name} ${figure(observed)} of ${all.labelled} rows; nobody knows what version ${window.version} promised${window.slice === '' ? '' : ' there'}, so its next windows are held to this one`;
    return { report, track: { ...after, first: { loss: observed, rows: all.labelled } } };
  }
  const alpha = 1 - spec.confidence;
  const effect = designEffect(after.noise);
  const perRow = effect * varianceOfLoss(all);
  const error = Math.sqrt(perRow * (1 / all.labelled + 1 / held.rows));
  const reach = boundOf(alphaOf(alpha / 2, after.labelledWindows), after.noise, all.labelled) * error;
  // A loss is never below 0, whatever the noise.
  [report.lower, report.upper] = [Math.max(0, observed - reach), observed + reach];
  const since = sequenceOf(after, held, alpha / 2, spec.minLabelled);
  const excess = observed - held.loss;
  const inWindow = report.lower > held.loss && excess > maxExcess;
  const overAll = since.lower > held.loss && since.mean - held.loss > maxExcess;
  if (overAll) report.changes = [...changes, 'sequence'];
  report.verdict = inWindow || overAll ? drift.DriftVerdict.DRIFTED : drift.DriftVerdict.STABLE;
  const figures = `${name} ${figure(observed)} (at least ${figure(report.lower)}) of ${all.labelled} labels against ${figure(held.loss)} promised on ${held.rows} rows`;
  const total = `${figure(since.mean)} (at least ${figure(since.lower)}) of ${after.rows} since it serves`;
  const found = report.changes.length === 0 ? '' : `; changes: ${report.changes.join(', ')}`;
  report.reason = `${aboutSlice(window)}${inWindow || overAll ? 'worse' : 'as promised'}: ${figures}, ${total}, an excess of ${maxExcess} matters; noise ${effect.toFixed(2)} times that of independent rows${found}`;
  return { report, track: after };
}

/** Mean of all rows since the version serves, with its lower bound at all times at once; half of `alpha` for the promise's own error. */
function sequenceOf(track: Track, held: Promised, alpha: number, rowsBest: number): { mean: number; lower: number } {
  const mean = track.lossSum / track.rows;
  const variance = Math.max(0, track.lossSquares / track.rows - mean * mean) * designEffect(track.noise);
  const radius = sequenceRadius(variance, track.rows, alpha / 2, rowsBest);
  const promise = boundOf(alpha / 2, track.noise, held.rows) * Math.sqrt(variance / held.rows);
  return { mean, lower: Math.max(0, mean - radius - promise) };
}
