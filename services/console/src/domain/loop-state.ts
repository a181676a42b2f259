import type { drift, outcomes, progress, quality, registry, rollout, training } from '@everloop/contracts';
import { addSparseCounts, type SparseCounts } from '@everloop/stats';
import {
  alertText,
  driftWithAlert,
  driftWithDecision,
  driftWithJob,
  driftWithVerdict,
  emptyDrift,
  outcomeText,
  type DriftState,
} from './drift-state.ts';
import { plansWith, plansWithout } from './plan-state.ts';
import { emptyQuality, holdText, qualityWithHold, qualityWithReport, type QualityState } from './quality-state.ts';

export const weekMs = 7 * 86_400_000;

/** One stage of one service, as last reported. */
export interface Stage {
  readonly service: string;
  readonly stage: string;
  /** Event time, epoch milliseconds UTC. */
  readonly watermarkMs: number;
  readonly records: number;
  /** Records a second between the last two reports at least `rateWindowMs` apart; null before there are two. */
  readonly recordsPerSecond: number | null;
  readonly reportedAtMs: number;
  readonly rateFrom: { readonly records: number; readonly atMs: number };
}

export interface VersionRow {
  readonly version: string;
  readonly stage: string;
  readonly trigger: string;
  readonly trainedAtMs: number;
  readonly rows: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly gates: readonly training.Gate[];
}

/** Scores of labelled outcomes in 200 equal bins of [0, 1]. */
export interface ScoreBins {
  readonly negative: readonly number[];
  readonly positive: readonly number[];
}

export interface WeekScores {
  readonly weekMs: number;
  readonly served: ScoreBins;
  /** The first version over the same weeks, as champion or as shadow. */
  readonly neverRetrained: ScoreBins;
}

export interface ModelView {
  readonly model: string;
  readonly route: rollout.Route | null;
  readonly versions: readonly VersionRow[];
  readonly reports: readonly drift.DriftReport[];
  readonly weeks: readonly WeekScores[];
  readonly decided: DriftState;
}

export interface LogLine {
  readonly id: string;
  readonly eventTimeMs: number;
  readonly kind: 'drift' | 'training' | 'version' | 'rollout' | 'hold';
  /** The model or the Source that it is about. */
  readonly model: string;
  readonly text: string;
}

/** What the page shows: a fold over the control topics, nothing else. */
export interface LoopState {
  readonly stages: readonly Stage[];
  readonly models: readonly ModelView[];
  readonly log: readonly LogLine[];
  readonly quality: QualityState;
}

export const emptyLoop: LoopState = { stages: [], models: [], log: [], quality: emptyQuality };

const reportsMax = 60;
const logMax = 200;
const rateWindowMs = 2_000;

export function withProgress(state: LoopState, report: progress.Progress): LoopState {
  const same = (stage: Stage): boolean => stage.service === report.service && stage.stage === report.stage;
  const old = state.stages.find(same);
  const next = stageAfter(old, report);
  const stages =
    old === undefined ? [...state.stages, next] : state.stages.map((stage) => (same(stage) ? next : stage));
  return { ...state, stages };
}

function stageAfter(old: Stage | undefined, report: progress.Progress): Stage {
  const { service, stage, watermarkMs, records, reportedAtMs } = report;
  const here = { records, atMs: reportedAtMs };
  const base = { service, stage, watermarkMs, records, reportedAtMs };
  // A smaller count is a restarted service: its rate starts again.
  if (old === undefined || records < old.rateFrom.records) return { ...base, recordsPerSecond: null, rateFrom: here };
  const elapsedMs = reportedAtMs - old.rateFrom.atMs;
  if (elapsedMs < rateWindowMs) return { ...base, recordsPerSecond: old.recordsPerSecond, rateFrom: old.rateFrom };
  return { ...base, recordsPerSecond: ((records - old.rateFrom.records) / elapsedMs) * 1_000, rateFrom: here };
}

export function withRoute(state: LoopState, route: rollout.Route): LoopState {
  return withModel(state, route.model, (model) => ({ ...model, route }));
}

export function withVersion(state: LoopState, change: registry.VersionChanged): LoopState {
  const version = change.version;
  if (version === undefined) return state;
  const row: VersionRow = {
    version: version.version,
    stage: version.stage,
    trigger: version.trigger,
    trainedAtMs: version.eventTimeMs,
    rows: version.dataset?.rows ?? 0,
    metrics: version.metrics,
    gates: version.gates,
  };
  const text = `version ${row.version} is ${row.stage}${change.reason === '' ? '' : `: ${change.reason}`}`;
  const known = withModel(state, version.model, (model) => ({
    ...model,
    versions: [...model.versions.filter((other) => other.version !== row.version), row].sort(
      (a, b) => Number(b.version) - Number(a.version),
    ),
  }));
  return withLine(known, {
    id: change.id,
    eventTimeMs: change.eventTimeMs,
    kind: 'version',
    model: version.model,
    text,
  });
}

/** The rows of a window, and what they are a share of. */
function sizeOf({ rows, predictions }: drift.DriftReport): string {
  return predictions > rows ? `${rows} logged of about ${predictions} predictions` : `${rows} predictions`;
}

export function withDriftReport(state: LoopState, report: drift.DriftReport): LoopState {
  const known = withModel(state, report.model, (model) => ({
    ...model,
    reports: [...model.reports.filter((other) => other.id !== report.id), report].slice(-reportsMax),
    decided: driftWithVerdict(model.decided, report.id, report.verdict),
  }));
  const fields = report.fields.filter((field) => field.drifted).map((field) => field.field);
  const what =
    fields.length === 0
      ? 'no field drifted'
      : `${fields.length} fields drifted (${fields.slice(0, 4).join(', ')}${fields.length > 4 ? ', …' : ''})`;
  return withLine(known, {
    id: report.id,
    eventTimeMs: report.windowEndMs,
    kind: 'drift',
    model: report.model,
    text: `window of ${sizeOf(report)}: ${what}; ${report.reason}`,
  });
}

/** A window of outcomes: what matters here is its verdict, which its decision is shown with. */
export function withQuality(state: LoopState, report: drift.QualityReport): LoopState {
  return withModel(state, report.model, (model) => ({
    ...model,
    decided: driftWithVerdict(model.decided, report.id, report.verdict),
  }));
}

/** Every decision is in the model's table; those to do something, or not to, are lines of the log as well. */
export function withDecision(state: LoopState, decision: drift.Decision): LoopState {
  const { model, id, eventTimeMs, reason } = decision;
  const known = withModel(state, model, (one) => ({ ...one, decided: driftWithDecision(one.decided, decision) }));
  const outcome = outcomeText(decision.outcome);
  if (outcome === null) return known;
  return withLine(known, { id, eventTimeMs, kind: 'drift', model, text: `retraining ${outcome}: ${reason}` });
}

export function withAlert(state: LoopState, alert: drift.DriftAlert): LoopState {
  const { model, id, eventTimeMs } = alert;
  const known = withModel(state, model, (one) => ({ ...one, decided: driftWithAlert(one.decided, alert) }));
  return withLine(known, { id, eventTimeMs, kind: 'drift', model, text: alertText(alert) });
}

/** How a Monitor will behave on a version, as it was calibrated. */
export function withPlan(state: LoopState, plan: drift.AlarmPlan): LoopState {
  return withModel(state, plan.model, (model) => ({
    ...model,
    decided: { ...model.decided, plans: plansWith(model.decided.plans, plan) },
  }));
}

/** A plan that the detector has forgotten. */
export function withoutPlan(state: LoopState, key: string): LoopState {
  const models = state.models.map((model) => ({
    ...model,
    decided: { ...model.decided, plans: plansWithout(model.decided.plans, key) },
  }));
  return { ...state, models };
}

export function withStep(state: LoopState, step: rollout.RolloutStep): LoopState {
  const text = `version ${step.version} ${step.action}: ${step.reason}`;
  return withLine(state, { id: step.id, eventTimeMs: step.eventTimeMs, kind: 'rollout', model: step.model, text });
}

export function withJob(state: LoopState, job: training.JobEvent): LoopState {
  const outcome = job.versionStage === '' ? '' : ` version ${job.version} ${job.versionStage}`;
  const text = `training (${job.trigger}) ${job.state.replace('JOB_STATE_', '').toLowerCase()}${outcome}${job.reason === '' ? '' : `: ${job.reason}`}`;
  const known = withModel(state, job.model, (one) => ({ ...one, decided: driftWithJob(one.decided, job) }));
  return withLine(known, {
    id: `${job.requestId}/${job.state}`,
    eventTimeMs: job.eventTimeMs,
    kind: 'training',
    model: job.model,
    text,
  });
}

export function withStats(state: LoopState, stats: outcomes.OutcomeStats): LoopState {
  const isEmpty = (counts: SparseCounts | undefined): boolean => (counts?.bins.length ?? 0) === 0;
  // Slices are parts of what is counted already.
  if (stats.slice !== '' || (isEmpty(stats.negativeScores) && isEmpty(stats.positiveScores))) return state;
  return withModel(state, stats.model, (model) => {
    const start = Math.floor(stats.dayMs / weekMs) * weekMs;
    const none: ScoreBins = { negative: [], positive: [] };
    const old = model.weeks.find((week) => week.weekMs === start) ?? {
      weekMs: start,
      served: none,
      neverRetrained: none,
    };
    const week: WeekScores = {
      weekMs: start,
      served: stats.arm === 'shadow' ? old.served : addBins(old.served, stats),
      neverRetrained: stats.modelVersion === '1' ? addBins(old.neverRetrained, stats) : old.neverRetrained,
    };
    const weeks = [...model.weeks.filter((other) => other.weekMs !== start), week].sort((a, b) => a.weekMs - b.weekMs);
    return { ...model, weeks };
  });
}

export function withHold(state: LoopState, hold: quality.Hold): LoopState {
  const { id, source, openedAtMs, closedAtMs } = hold;
  const known = { ...state, quality: qualityWithHold(state.quality, hold) };
  const eventTimeMs = Math.max(openedAtMs, closedAtMs);
  return withLine(known, { id: `${id}/${hold.state}`, eventTimeMs, kind: 'hold', model: source, text: holdText(hold) });
}

export function withWindowReport(state: LoopState, report: quality.WindowReport): LoopState {
  return { ...state, quality: qualityWithReport(state.quality, report) };
}

function addBins(bins: ScoreBins, stats: outcomes.OutcomeStats): ScoreBins {
  return {
    negative: added(bins.negative, stats.negativeScores),
    positive: added(bins.positive, stats.positiveScores),
  };
}

function added(counts: readonly number[], more: SparseCounts | undefined): readonly number[] {
  const size = Math.max(counts.length, (more?.bins.at(-1) ?? -1) + 1);
  return [
    ...addSparseCounts(
      Float64Array.from({ length: size }, (_, bin) => counts[bin] ?? 0),
      more,
    ),
  ];
}

function withLine(state: LoopState, line: LogLine): LoopState {
  if (state.log.some((other) => other.id === line.id && other.text === line.text)) return state;
  return { ...state, log: [...state.log, line].slice(-logMax) };
}

function withModel(state: LoopState, name: string, change: (model: ModelView) => ModelView): LoopState {
  const old = state.models.find((model) => model.model === name);
  const next = change(old ?? { model: name, route: null, versions: [], reports: [], weeks: [], decided: emptyDrift });
  const models =
    old === undefined ? [...state.models, next] : state.models.map((model) => (model === old ? next : model));
  return { ...state, models };
}
