import { drift, training } from '@everloop/contracts';
import { pagePlans, type PagePlan } from './plan-state.ts';

/** Decisions, reports and requests of a model that are remembered. */
const keptMax = 200;
/** Decisions of a model that are shown. */
const shownMax = 30;
/** Alarms of a model that may be up at a time; a Model has fewer slices. */
const alarmsMax = 200;

/** What was decided on the drift of a model, newest last, and what is known of its evidence and consequences. */
export interface DriftState {
  readonly decisions: readonly drift.Decision[];
  /** Alarms that are up. */
  readonly alarms: readonly drift.DriftAlert[];
  /** Verdicts of reports by their id, and how far requests have come by theirs. */
  readonly verdicts: ReadonlyMap<string, string>;
  readonly requests: ReadonlyMap<string, string>;
  /** Plans of its Monitors, in the order in which they were made. */
  readonly plans: readonly drift.AlarmPlan[];
}

export const emptyDrift: DriftState = {
  ...{ decisions: [], alarms: [], plans: [] },
  ...{ verdicts: new Map(), requests: new Map() },
};

const word = (name: string, prefix: string): string => name.replace(prefix, '').toLowerCase();

/** The newest entries of a map with one more. */
function withEntry(map: ReadonlyMap<string, string>, key: string, value: string): ReadonlyMap<string, string> {
  const rest = [...map].filter(([other]) => other !== key);
  return new Map([...rest.slice(1 - keptMax), [key, value]]);
}

export function driftWithDecision(state: DriftState, decision: drift.Decision): DriftState {
  const others = state.decisions.filter(({ id }) => id !== decision.id);
  return { ...state, decisions: [...others, decision].slice(-keptMax) };
}

/** There is at most one alarm at a time for a Monitor, a kind and a slice. */
export function driftWithAlert(state: DriftState, alert: drift.DriftAlert): DriftState {
  const isSame = (other: drift.DriftAlert): boolean =>
    other.monitor === alert.monitor && other.kind === alert.kind && other.slice === alert.slice;
  const others = state.alarms.filter((other) => !isSame(other));
  return { ...state, alarms: alert.resolved ? others : [...others, alert].slice(-alarmsMax) };
}

export function driftWithVerdict(state: DriftState, reportId: string, verdict: drift.DriftVerdict): DriftState {
  return { ...state, verdicts: withEntry(state.verdicts, reportId, word(verdict, 'DRIFT_VERDICT_')) };
}

export function driftWithJob(state: DriftState, job: training.JobEvent): DriftState {
  return { ...state, requests: withEntry(state.requests, job.requestId, jobText(job)) };
}

function jobText({ state, version, versionStage }: training.JobEvent): string {
  switch (state) {
    case training.JobState.STARTED:
      return 'training runs';
    case training.JobState.SUCCEEDED:
      return `version ${version} ${versionStage}`;
    case training.JobState.FAILED:
    case training.JobState.SKIPPED:
    case training.JobState.UNSPECIFIED:
      return `training ${word(state, 'JOB_STATE_')}`;
  }
}

/** An alert as a line of the log. */
export function alertText({ kind, monitor, slice, resolved, message, severity }: drift.DriftAlert): string {
  const where = slice === '' ? '' : ` where ${slice}`;
  return `${kind} alarm of ${monitor}${where} ${resolved ? 'is over' : `is up (${severity})`}: ${message}`;
}

/** How a decision is called; one to do nothing is null. */
export function outcomeText(outcome: drift.RetrainOutcome): string | null {
  switch (outcome) {
    case drift.RetrainOutcome.REQUESTED:
    case drift.RetrainOutcome.DEFERRED:
    case drift.RetrainOutcome.SUPPRESSED:
      return word(outcome, 'RETRAIN_OUTCOME_');
    case drift.RetrainOutcome.NONE:
    case drift.RetrainOutcome.UNSPECIFIED:
      return null;
  }
}

/** What the page shows of it. */
export interface PageDecisions {
  /** Of each Monitor the one that is in effect. */
  readonly plans: readonly PagePlan[];
  /** Alarms that are up, pages first, then by name. */
  readonly alarms: readonly {
    readonly monitor: string;
    readonly kind: string;
    readonly slice: string;
    readonly severity: string;
    readonly sinceMs: number;
    readonly version: string;
    readonly message: string;
  }[];
  /** Newest first. */
  readonly decisions: readonly {
    readonly id: string;
    readonly atMs: number;
    readonly monitor: string;
    /** "data", "performance" or "estimated". */
    readonly kind: string;
    /** Of the window that was decided on; null where it is not remembered. */
    readonly verdict: string | null;
    /** "requested", "deferred", "suppressed"; null: nothing to do. */
    readonly outcome: string | null;
    readonly reason: string;
    readonly alarmUp: boolean;
    readonly driftedWindows: number;
    readonly windows: number;
    /** Drifted windows that raise an alarm. */
    readonly raiseWindows: number;
    readonly raiseOf: number;
    /** False retrainings that are still allowed; below 0: overspent; null: no budget. */
    readonly budgetLeft: number | null;
    readonly budgetAllowed: number;
    /** Of a request: how far it has come; null of others. */
    readonly became: string | null;
  }[];
}

export function pageDecisions({ decisions, alarms, verdicts, requests, plans }: DriftState): PageDecisions {
  const rank = (alert: drift.DriftAlert): string =>
    `${alert.severity === 'page' ? 0 : 1}/${alert.monitor}/${alert.kind}/${alert.slice}`;
  return {
    plans: pagePlans(plans, decisions),
    alarms: alarms
      .toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1))
      .map(({ monitor, kind, slice, severity, startedAtMs: sinceMs, modelVersion: version, message }) => ({
        ...{ monitor, kind, slice, severity, sinceMs, version, message },
      })),
    decisions: decisions
      .toSorted((a, b) => a.eventTimeMs - b.eventTimeMs)
      .slice(-shownMax)
      .toReversed()
      .map((decision) => ({
        ...{ id: decision.id, atMs: decision.eventTimeMs, monitor: decision.monitor, kind: decision.kind },
        ...{ verdict: verdicts.get(decision.reportId) ?? null, outcome: outcomeText(decision.outcome) },
        ...{ reason: decision.reason, alarmUp: decision.alarm },
        ...{ driftedWindows: decision.driftedWindows, windows: decision.windows },
        ...{ raiseWindows: decision.policy?.raiseWindows ?? 0, raiseOf: decision.policy?.raiseOf ?? 0 },
        budgetLeft: decision.budgetAllowed === 0 ? null : decision.budgetAllowed - decision.budgetSpent,
        budgetAllowed: decision.budgetAllowed,
        became: decision.requestId === '' ? null : (requests.get(decision.requestId) ?? 'waits for the trainer'),
      })),
  };
}
