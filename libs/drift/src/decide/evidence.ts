import { drift, type MonitorSpec } from '@everloop/contracts';
import { policyOf } from '../judge/evaluate.ts';
import type { AlarmRule, AlarmStep } from './alarm.ts';
import type { Evaluation, EvidenceKind } from './types.ts';

/** A report as evidence: the same for windows of inputs and windows of labels. */
export interface Evidence {
  readonly kind: EvidenceKind;
  /** Key of the alarm that it moves. */
  readonly alarm: string;
  readonly step: Omit<AlarmStep, 'atMs'>;
  readonly rule: AlarmRule;
  readonly policy: drift.DriftPolicy;
  readonly endMs: number;
  readonly model: string;
  /** Drifted fields; empty for labels. */
  readonly fields: readonly string[];
  /** What was found, in words with numbers. */
  readonly finding: string;
  /** Importance-weighted drift of a window, [0, 1); of labels 1. */
  readonly drift: number;
  /** Expected loss as a quality report has it, [0, 1); null: this is none. */
  readonly loss: number | null;
  /** Part of the predictions that it is about; empty: all. */
  readonly slice: string;
}

/** Key of the alarm of a kind of evidence about all predictions (slice "") or a slice. */
function alarmOf(kind: EvidenceKind, slice: string): string {
  return slice === '' ? kind : `${kind}/${slice}`;
}

/** The slice of an alarm's key; empty: all predictions. @example sliceOf('performance/jfk') // jfk */
export function sliceOf(alarm: string): string {
  const at = alarm.indexOf('/');
  return at < 0 ? '' : alarm.slice(at + 1);
}

/** Reads a report as evidence under a Monitor. */
export function evidenceOf(evaluation: Evaluation, spec: MonitorSpec): Evidence {
  return evaluation.kind === 'window' ? ofWindow(evaluation.report, spec) : ofQuality(evaluation.report, spec);
}

function ofWindow(report: drift.DriftReport, spec: MonitorSpec): Evidence {
  const policy = report.policy ?? policyOf(spec);
  const { baselineVersion: version, id: reportId, urgent } = report;
  return {
    ...{ kind: 'data', alarm: 'data', policy, model: report.model, endMs: report.windowEndMs },
    step: { version, reportId, verdict: verdictOf(report.verdict), calm: isCalm(report, policy, spec), urgent },
    rule: {
      raiseWindows: Math.max(1, policy.raiseWindows),
      raiseOf: Math.max(1, policy.raiseOf),
      clearWindows: spec.clear.windows,
    },
    fields: report.fields.filter(({ drifted }) => drifted).map(({ field }) => field),
    finding: report.reason,
    drift: saturated(report.score),
    loss: null,
    slice: '',
  };
}

/**
 * Every index below `clear.below` times its limit: a field's own, or the index's null critical value where that is larger (with few rows
 * chance alone passes the limit), and the score's where there is one.
 */
function isCalm(report: drift.DriftReport, policy: drift.DriftPolicy, spec: MonitorSpec): boolean {
  if (verdictOf(report.verdict) !== 'stable') return false;
  const { below } = spec.clear;
  const own = new Map(spec.thresholds.map(({ field, psi }) => [field, psi]));
  const isLow = ({ field, psi, psiCritical, drifted }: drift.FieldDrift): boolean =>
    !drifted && psi < below * Math.max(own.get(field) ?? policy.psi, psiCritical);
  return report.fields.every(isLow) && (policy.score === 0 || report.score < below * policy.score);
}

function ofQuality(report: drift.QualityReport, spec: MonitorSpec): Evidence {
  const kind = report.kind === 'estimated' ? 'estimated' : 'performance';
  const excess = report.observed - report.expected;
  // An index of labels has its own bounds, so one report that fails is enough; an estimate is debounced as inputs are.
  const { windows, of } = kind === 'performance' ? { windows: 1, of: 1 } : spec.raise;
  const verdict = verdictOf(report.verdict);
  const { modelVersion: version, id: reportId } = report;
  return {
    ...{ kind, slice: report.slice, alarm: alarmOf(kind, report.slice), model: report.model },
    step: {
      ...{ version, reportId, verdict, urgent: false },
      calm: verdict === 'stable' && excess < spec.clear.below * report.maxExcess,
    },
    rule: { raiseWindows: windows, raiseOf: of, clearWindows: spec.clear.windows },
    policy: { ...policyOf(spec), raiseWindows: windows, raiseOf: of },
    ...{ endMs: report.windowEndMs, fields: [], finding: report.reason, drift: 1 },
    loss: verdict === 'insufficient' ? null : saturated(report.maxExcess > 0 ? excess / report.maxExcess : 0),
  };
}

/** A quantity of no upper bound as a share: 1 - exp(-x), so that small ones are as they are and none passes 1. @example saturated(0) // 0 */
function saturated(x: number): number {
  return x > 0 ? 1 - Math.exp(-x) : 0;
}

function verdictOf(verdict: drift.DriftVerdict): AlarmStep['verdict'] {
  if (verdict === drift.DriftVerdict.DRIFTED) return 'drifted';
  return verdict === drift.DriftVerdict.STABLE ? 'stable' : 'insufficient';
}
