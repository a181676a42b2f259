import type { ModelSpec } from '@everloop/contracts';
import { auc, logLoss, logLossOf, pairedLowerBound } from '@everloop/stats';

/** Scores of one set of rows. */
export interface ScoredRows {
  readonly labels: ArrayLike<number>;
  readonly challenger: Float64Array;
  /** Null without a champion, or when it cannot score these rows. */
  readonly champion: Float64Array | null;
}

/** Scored rows of the time holdout that are in a slice of the Model. */
export interface ScoredSlice extends ScoredRows {
  readonly name: string;
}

export interface Evaluation {
  /** All rows of the time holdout. */
  readonly recent: ScoredRows;
  /** Rows of the time holdout on which the champion was not trained either. */
  readonly recentShared: ScoredRows;
  /** Rows of the fixed holdout on which the champion was not trained either. */
  readonly fixedShared: ScoredRows;
  /** Version of the champion; null for a first version. */
  readonly championVersion: string | null;
  /** Why the champion gave no scores, in words. */
  readonly championTrouble: string | null;
}

type Verdict = 'pass' | 'fail' | 'inconclusive';

/** The shape of training.v1.Gate. */
export interface GateVerdict {
  readonly name: 'absolute' | 'recent' | 'fixed';
  readonly verdict: Verdict;
  readonly detail: string;
  readonly champion: number;
  readonly challenger: number;
}

type Gates = ModelSpec['gates'];

/** Verdicts on a challenger: the absolute gate, and with a champion the two comparisons. */
export function judge(evaluation: Evaluation, gates: Gates): readonly GateVerdict[] {
  const absolute = absoluteGate(evaluation.recent, gates);
  if (evaluation.championVersion === null) return [absolute];
  return [absolute, recentGate(evaluation, gates), fixedGate(evaluation, gates)];
}

/** No data never promotes: every gate must say pass. */
export function isApproved(verdicts: readonly GateVerdict[]): boolean {
  return verdicts.length > 0 && verdicts.every(({ verdict }) => verdict === 'pass');
}

/** AUC on the time holdout reaches `minAuc`. */
export function absoluteGate({ labels, challenger, champion }: ScoredRows, gates: Gates): GateVerdict {
  const value = auc(challenger, labels);
  const gate = {
    name: 'absolute',
    champion: champion === null ? 0 : finite(auc(champion, labels)),
    challenger: finite(value),
  } as const;
  const few = tooFew(labels.length, gates.minRows);
  if (few !== null) return { ...gate, verdict: 'inconclusive', detail: few };
  if (Number.isNaN(value))
    return { ...gate, verdict: 'inconclusive', detail: 'one of the labels does not occur in the time holdout' };
  const isEnough = value >= gates.minAuc;
  const detail = `AUC ${round(value)} on ${labels.length} recent rows, ${isEnough ? 'at least' : 'below'} ${gates.minAuc}`;
  return { ...gate, verdict: isEnough ? 'pass' : 'fail', detail };
}

/** The challenger's gain in log loss, row by row, is above `minRecentGain` with the asked confidence. */
export function recentGate({ recentShared, championTrouble }: Evaluation, gates: Gates): GateVerdict {
  const { labels, challenger, champion } = recentShared;
  if (champion === null) return unjudged('recent', championTrouble, challenger, labels);
  const gate = {
    name: 'recent',
    champion: finite(logLoss(champion, labels)),
    challenger: finite(logLoss(challenger, labels)),
  } as const;
  const few = tooFew(labels.length, gates.minRows);
  if (few !== null) return { ...gate, verdict: 'inconclusive', detail: few };
  const { mean, lower, upper } = recentGain(recentShared, gates.confidence);
  const bounds = `[${round(lower)}, ${round(upper)}]`;
  const gain = `log loss ${round(gate.champion)} → ${round(gate.challenger)} on ${labels.length} recent rows, gain ${round(mean)} ${bounds}`;
  if (lower > gates.minRecentGain)
    return { ...gate, verdict: 'pass', detail: `${gain}, surely above ${gates.minRecentGain}` };
  if (upper <= gates.minRecentGain)
    return { ...gate, verdict: 'fail', detail: `${gain}, surely not above ${gates.minRecentGain}` };
  return { ...gate, verdict: 'inconclusive', detail: `${gain}, cannot be told from ${gates.minRecentGain}` };
}

/** On the fixed holdout the challenger's log loss is at most `maxFixedLoss` above the champion's. */
export function fixedGate({ fixedShared, championTrouble }: Evaluation, gates: Gates): GateVerdict {
  const { labels, challenger, champion } = fixedShared;
  if (champion === null) return unjudged('fixed', championTrouble, challenger, labels);
  const gate = {
    name: 'fixed',
    champion: finite(logLoss(champion, labels)),
    challenger: finite(logLoss(challenger, labels)),
  } as const;
  const few = tooFew(labels.length, gates.minRows);
  if (few !== null) return { ...gate, verdict: 'inconclusive', detail: few };
  const isHeld = gate.challenger - gate.champion <= gates.maxFixedLoss;
  const change = `log loss ${round(gate.champion)} → ${round(gate.challenger)} on ${labels.length} rows of the fixed holdout`;
  const detail = `${change}, worse by ${isHeld ? 'no more' : 'more'} than ${gates.maxFixedLoss}`;
  return { ...gate, verdict: isHeld ? 'pass' : 'fail', detail };
}

/** Mean gain in log loss of the challenger, nats, with its one-sided bounds. */
function recentGain({ labels, challenger, champion }: ScoredRows, confidence: number) {
  const gains = Float64Array.from(challenger, (score, row) => {
    const label = labels[row] ?? 0;
    return logLossOf(champion?.[row] ?? score, label) - logLossOf(score, label);
  });
  return pairedLowerBound(gains, confidence);
}

/** All figures of an evaluation by name; those that cannot be had are left out. */
export function figuresOf(evaluation: Evaluation, gates: Gates): Readonly<Record<string, number>> {
  const { recent, recentShared, fixedShared } = evaluation;
  const gain = recentShared.champion === null ? null : recentGain(recentShared, gates.confidence);
  const all: Record<string, number> = {
    'time_holdout.rows': recent.labels.length,
    'time_holdout.auc': auc(recent.challenger, recent.labels),
    'time_holdout.log_loss': logLoss(recent.challenger, recent.labels),
    'fixed_holdout.rows': fixedShared.labels.length,
    'fixed_holdout.auc': auc(fixedShared.challenger, fixedShared.labels),
    'fixed_holdout.log_loss': logLoss(fixedShared.challenger, fixedShared.labels),
    'champion.time_holdout.auc': recentShared.champion === null ? NaN : auc(recentShared.champion, recentShared.labels),
    'champion.time_holdout.log_loss':
      recentShared.champion === null ? NaN : logLoss(recentShared.champion, recentShared.labels),
    'champion.fixed_holdout.auc': fixedShared.champion === null ? NaN : auc(fixedShared.champion, fixedShared.labels),
    'champion.fixed_holdout.log_loss':
      fixedShared.champion === null ? NaN : logLoss(fixedShared.champion, fixedShared.labels),
    'recent_gain.mean': gain?.mean ?? NaN,
    'recent_gain.lower': gain?.lower ?? NaN,
    'recent_gain.upper': gain?.upper ?? NaN,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => Number.isFinite(value)));
}

/** What a version promises for the slices of its Model, by name: rows of the time holdout and their log loss; nothing for one without rows. */
export function sliceFigures(slices: readonly ScoredSlice[]): Readonly<Record<string, number>> {
  const figures = slices.flatMap(({ name, labels, challenger }) => {
    const figure = `time_holdout.slice.${name}`;
    if (labels.length === 0) return [];
    return [[`${figure}.rows`, labels.length] as const, [`${figure}.log_loss`, logLoss(challenger, labels)] as const];
  });
  return Object.fromEntries(figures);
}

function unjudged(
  name: 'recent' | 'fixed',
  trouble: string | null,
  challenger: Float64Array,
  labels: ArrayLike<number>,
): GateVerdict {
  const detail = `the champion could not be compared: ${trouble ?? 'it gave no scores'}`;
  return { name, verdict: 'inconclusive', detail, champion: 0, challenger: finite(logLoss(challenger, labels)) };
}

function tooFew(rows: number, minRows: number): string | null {
  return rows < minRows ? `${rows} rows, at least ${minRows} are needed (gates.minRows)` : null;
}

/** The message type has no NaN: what is not known is 0, and the detail says so. */
function finite(value: number): number {
  return Number.isFinite(value) ? value : 0;
}

function round(value: number): number {
  return Math.round(value * 1e5) / 1e5;
}
