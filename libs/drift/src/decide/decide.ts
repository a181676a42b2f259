import { drift, eventId, type MonitorSpec, type training } from '@everloop/contracts';
import type { NamedMonitor } from '../windows/state.ts';
import { accountOf, coolDownOf, requestsMax, settleRequests, type Account, type CoolDown } from './account.ts';
import { alarmAlert, budgetAlert } from './alerts.ts';
import { newAlarm, stepAlarm, type AlarmResult } from './alarm.ts';
import { evidenceOf, sliceOf, type Evidence } from './evidence.ts';
import { preconditionsOf, unmet } from './preconditions.ts';
import {
  newMonitorState,
  type Decided,
  type DeferredRequest,
  type Evaluation,
  type EvidenceKind,
  type Facts,
  type MonitorState,
} from './types.ts';

/** Alarms that are remembered of a Monitor; a Model has fewer slices. */
const alarmsMax = 200;

const iso = (timeMs: number): string => new Date(timeMs).toISOString();

/** What stands against asking now, in the order in which it counts. */
interface Standing {
  readonly coolDown: CoolDown;
  readonly account: Account;
  readonly preconditions: drift.Precondition[];
  readonly outcome: drift.RetrainOutcome;
  readonly why: string;
}

function standingOf(state: MonitorState, spec: MonitorSpec, kind: EvidenceKind, facts: Facts, atMs: number): Standing {
  const coolDown = coolDownOf(spec, state.requests, kind);
  const account = accountOf(spec, state.requests, atMs);
  const preconditions = preconditionsOf(spec, facts);
  const base = { coolDown, account, preconditions };
  const suppressed = (why: string): Standing => ({ ...base, outcome: drift.RetrainOutcome.SUPPRESSED, why });
  const open = state.requests.find(({ end }) => end === 'open');
  if (!spec.retrain) return suppressed('the Monitor does not retrain (retrain: false)');
  if (open !== undefined) return suppressed(`request ${open.id} of ${iso(open.atMs)} has not ended`);
  if (atMs < coolDown.untilMs) return suppressed(`in cool-down until ${iso(coolDown.untilMs)}${backOffText(coolDown)}`);
  // Labels that show a loss are no false alarm of the inputs.
  if (account.overspent && kind !== 'performance')
    return suppressed(`the alarm budget is overspent: ${account.spent} of ${account.allowed}`);
  const missing = unmet(preconditions);
  if (missing !== '') return { ...base, outcome: drift.RetrainOutcome.DEFERRED, why: `waits for ${missing}` };
  return { ...base, outcome: drift.RetrainOutcome.REQUESTED, why: '' };
}

function backOffText({ backOff }: CoolDown): string {
  return backOff > 1 ? ` (${Number(backOff.toFixed(1))} times as long, after versions that failed their gates)` : '';
}

function quietReason(evidence: Evidence, alarm: AlarmResult): string {
  if (evidence.step.verdict === 'insufficient') return `nothing to decide: ${evidence.finding}`;
  const { raiseWindows, raiseOf } = evidence.rule;
  const count = `${alarm.drifted} of the last ${alarm.windows} windows drifted, ${raiseWindows} of ${raiseOf} raise an alarm`;
  if (alarm.state.sinceMs === null) return `no alarm: ${count}; ${evidence.finding}`;
  const { calm, sinceMs } = alarm.state;
  const end = `${calm} of ${evidence.rule.clearWindows} calm windows in a row end it`;
  return `alarm since ${iso(sinceMs)}, nothing is asked for: ${count}; ${end}; ${evidence.finding}`;
}

/**
 * Decides on one evaluated window or quality report. Every report leads to exactly one Decision, also to do nothing; a request is made when the
 * alarm's k of n are reached with this report, none of this Monitor's is open, its cool-down is over, its budget is not overspent, and every
 * precondition holds. Deterministic: the same state, report and facts give the same, ids included. O(fields + alarms).
 */
export function decide(
  before: MonitorState | undefined,
  monitor: NamedMonitor,
  evaluation: Evaluation,
  facts: Facts,
): Decided {
  const { name, spec } = monitor;
  const evidence = evidenceOf(evaluation, spec);
  const known = before?.model === evidence.model ? before : newMonitorState(evidence.model);
  const atMs = Math.max(known.atMs, evidence.endMs);
  const settled = { ...known, atMs, requests: settleRequests(known.requests, facts.ends) };
  const stepped = { ...evidence.step, atMs };
  const alarm = stepAlarm(known.alarms[evidence.alarm] ?? newAlarm(stepped.version), stepped, evidence.rule);
  const standing = standingOf(settled, spec, evidence.kind, facts, atMs);
  const context = { monitor: name, model: evidence.model, reportId: stepped.reportId, atMs };
  const overspent = budgetAlert(context, standing.account, known.overspentSinceMs);
  const loss = evidence.loss ?? known.loss;
  const wish: DeferredRequest = {
    ...{ reportId: stepped.reportId, kind: evidence.kind, alarm: evidence.alarm, sinceMs: atMs },
    ...{ correlationId: alarm.correlationId, finding: evidence.finding, policy: evidence.policy },
    ...{ harm: evidence.drift * loss, drifted: alarm.drifted, windows: alarm.windows },
  };
  const outcome = alarm.wanted ? standing.outcome : drift.RetrainOutcome.NONE;
  const state: MonitorState = {
    ...settled,
    alarms: withAlarm(known.alarms, evidence.alarm, alarm.state),
    deferred: deferredAfter(known.deferred, wish, outcome, alarm),
    overspentSinceMs: overspent.sinceMs,
    // What all predictions lose weighs the next window of inputs; a slice is a part of them.
    loss: evidence.slice === '' ? loss : known.loss,
  };
  const alerts = alarm.changes.map((change) => alarmAlert(context, evidence, change));
  if (overspent.alert !== null) alerts.push(overspent.alert);
  const reason = alarm.wanted ? wantedReason(standing, evidence.finding) : quietReason(evidence, alarm);
  return { ...conclude(state, name, { wish, standing, outcome, reason, atMs, ask: 'first' }), alerts };
}

function wantedReason({ outcome, why }: Standing, finding: string): string {
  return outcome === drift.RetrainOutcome.REQUESTED ? `retraining requested: ${finding}` : `wanted, ${why}: ${finding}`;
}

/** What is asked for by labels outweighs what is asked for by inputs, and all predictions outweigh a slice. */
function weightOf({ kind, alarm }: DeferredRequest): number {
  return (kind === 'performance' ? 2 : 0) + (sliceOf(alarm) === '' ? 1 : 0);
}

/** A deferred request lives as long as its alarm, and is replaced by no lesser one. */
function deferredAfter(
  before: DeferredRequest | null,
  wish: DeferredRequest,
  outcome: drift.RetrainOutcome,
  { changes }: AlarmResult,
): DeferredRequest | null {
  if (outcome === drift.RetrainOutcome.REQUESTED) return null;
  const isOver = before?.alarm === wish.alarm && changes.some(({ kind }) => kind !== 'raised');
  const kept = isOver ? null : before;
  if (outcome !== drift.RetrainOutcome.DEFERRED) return kept;
  return kept !== null && weightOf(kept) > weightOf(wish) ? kept : { ...wish, sinceMs: kept?.sinceMs ?? wish.sinceMs };
}

function withAlarm(alarms: MonitorState['alarms'], key: string, alarm: AlarmResult['state']): MonitorState['alarms'] {
  const rest = Object.entries(alarms).filter(([other]) => other !== key);
  return Object.fromEntries([...rest.slice(1 - alarmsMax), [key, alarm]]);
}

/**
 * Asks again for a deferred retraining when everything that it waited for holds, without a new window; null while it does not. The Decision is about
 * the report that was deferred.
 */
export function askAgain(
  before: MonitorState,
  monitor: NamedMonitor,
  watermarkMs: number,
  facts: Facts,
): Decided | null {
  const { deferred } = before;
  if (deferred === null || before.model !== monitor.spec.model) return null;
  const atMs = Math.max(before.atMs, watermarkMs);
  const state = { ...before, atMs, deferred: null, requests: settleRequests(before.requests, facts.ends) };
  const standing = standingOf(state, monitor.spec, deferred.kind, facts, atMs);
  if (standing.outcome !== drift.RetrainOutcome.REQUESTED) return null;
  const reason = `retraining requested, deferred since ${iso(deferred.sinceMs)}: ${deferred.finding}`;
  const { outcome } = standing;
  return {
    ...conclude(state, monitor.name, { wish: deferred, standing, outcome, reason, atMs, ask: 'again' }),
    alerts: [],
  };
}

interface Conclusion {
  readonly wish: DeferredRequest;
  readonly standing: Standing;
  readonly outcome: drift.RetrainOutcome;
  readonly reason: string;
  readonly atMs: number;
  /** Which decision on the report it is: the first, or the one that followed when preconditions held. */
  readonly ask: 'first' | 'again';
}

/** The Decision with all its numbers, and the request that it makes. */
function conclude(state: MonitorState, monitor: string, conclusion: Conclusion): Omit<Decided, 'alerts'> {
  const { wish, standing, outcome, reason, atMs, ask } = conclusion;
  const { model } = state;
  const { reportId, correlationId } = wish;
  const id = eventId('decision', monitor, reportId, ask);
  const isRequested = outcome === drift.RetrainOutcome.REQUESTED;
  const requestId = isRequested ? eventId('retraining', 'drift', id) : '';
  const alarm = state.alarms[wish.alarm];
  const decision: drift.Decision = {
    ...{ id, model, monitor, reportId, eventTimeMs: atMs, outcome, reason, kind: wish.kind, correlationId, requestId },
    slice: sliceOf(wish.alarm),
    ...{ alarm: alarm !== undefined && alarm.sinceMs !== null, alarmSinceMs: alarm?.sinceMs ?? 0 },
    ...{ driftedWindows: wish.drifted, windows: wish.windows, calmWindows: alarm?.calm ?? 0 },
    ...{ coolDownUntilMs: standing.coolDown.untilMs, backOff: standing.coolDown.backOff },
    ...{ preconditions: standing.preconditions, policy: wish.policy, harm: wish.harm },
    ...{ budgetSpent: standing.account.spent, budgetAllowed: standing.account.allowed },
  };
  if (!isRequested) return { state, decision, request: null };
  const request: training.RetrainingRequested = {
    ...{ id: requestId, model, trigger: 'drift', reason: wish.finding, eventTimeMs: atMs, causeId: id, correlationId },
  };
  const requests = [...state.requests, { id: requestId, atMs, end: 'open' as const }].slice(-requestsMax);
  return { state: { ...state, requests }, decision, request };
}

/** The decision on a report whose Monitor is no longer applied, or watches another model now: nothing, and nothing is forgotten. */
export function withoutMonitor(before: MonitorState | undefined, evaluation: Evaluation): Decided {
  const { report } = evaluation;
  const { kind, slice } = evaluation.kind === 'quality' ? evaluation.report : { kind: 'data', slice: '' };
  const { id: reportId, model, monitor, windowEndMs: eventTimeMs } = report;
  const decision = drift.Decision.fromPartial({
    id: eventId('decision', monitor, reportId, 'first'),
    ...{ model, monitor, reportId, eventTimeMs, kind, slice, backOff: 1, correlationId: reportId },
    outcome: drift.RetrainOutcome.NONE,
    reason: `Monitor ${monitor} of ${model} is no longer applied`,
  });
  return { state: before ?? newMonitorState(model), decision, alerts: [], request: null };
}
