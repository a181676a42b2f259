/** One evaluated window, as far as an alarm goes by it. */
export interface AlarmStep {
  /** Version whose reference the window was compared with. */
  readonly version: string;
  readonly reportId: string;
  /** Event time of the decision, epoch milliseconds UTC. */
  readonly atMs: number;
  /** INSUFFICIENT windows are no evidence either way. */
  readonly verdict: 'drifted' | 'stable' | 'insufficient';
  /** Every index is so far below its limit that the window speaks for the end of an alarm. */
  readonly calm: boolean;
  /** An effect so large that one window is enough. */
  readonly urgent: boolean;
}

/** When an alarm goes up and down, in windows. */
export interface AlarmRule {
  /** `raiseWindows` of the last `raiseOf` windows must be drifted; 1 to `recentMax` each. */
  readonly raiseWindows: number;
  readonly raiseOf: number;
  /** So many calm windows in a row end it. */
  readonly clearWindows: number;
}

/** What is remembered of one alarm between windows; JSON as it is. */
export interface AlarmState {
  readonly version: string;
  /** The last windows that had a verdict, newest last. */
  readonly recent: readonly { readonly reportId: string; readonly drifted: boolean }[];
  /** Since when the alarm is up, epoch milliseconds UTC; null: it is down. */
  readonly sinceMs: number | null;
  /** Of the alarm that is up: the first drifted report that led to it. */
  readonly correlationId: string;
  /** Calm windows in a row. */
  readonly calm: number;
}

/** A change of an alarm. `superseded`: another version is in service, of which the old alarm says nothing. */
export interface AlarmChange {
  readonly kind: 'raised' | 'cleared' | 'superseded';
  readonly correlationId: string;
  readonly sinceMs: number;
  readonly version: string;
}

export interface AlarmResult {
  readonly state: AlarmState;
  /** In order: an alarm may end with its version and the next begin in the same window. */
  readonly changes: readonly AlarmChange[];
  /** This window is drifted and k of n, or its urgency, are reached with it: a retraining is wanted. */
  readonly wanted: boolean;
  /** Drifted windows among the last `windows`, which are at most `raiseOf`. */
  readonly drifted: number;
  readonly windows: number;
  /** What the flow is called that this window belongs to. */
  readonly correlationId: string;
}

/** Windows that are remembered of an alarm; the largest `raise.of` of a Monitor. */
export const recentMax = 100;

/** An alarm that has seen nothing. */
export function newAlarm(version = ''): AlarmState {
  return { version, recent: [], sinceMs: null, correlationId: '', calm: 0 };
}

/**
 * One step of the debounce: k of n windows raise, a run of calm windows clears. Between the two levels the alarm stays as it is
 * (hysteresis), so that one that hovers at its limit does not flap. O(raiseOf).
 */
export function stepAlarm(before: AlarmState, step: AlarmStep, rule: AlarmRule): AlarmResult {
  if (step.verdict === 'insufficient') return unmoved(before, step, rule);
  const changes: AlarmChange[] = [];
  let state = before;
  if (before.version !== step.version) {
    if (before.sinceMs !== null) changes.push({ kind: 'superseded', ...stamp(before, before.sinceMs) });
    state = newAlarm(step.version);
  }
  const drifted = step.verdict === 'drifted';
  const recent = [...state.recent, { reportId: step.reportId, drifted }].slice(-recentMax);
  const counted = countDrifted(recent, rule.raiseOf);
  const wanted = drifted && (step.urgent || counted.drifted >= rule.raiseWindows);
  const first = recent.slice(-rule.raiseOf).find((one) => one.drifted)?.reportId ?? step.reportId;
  state = { ...state, recent, calm: step.calm && !drifted ? state.calm + 1 : 0 };
  const correlationId = state.sinceMs === null ? first : state.correlationId;
  if (state.sinceMs === null && wanted) {
    state = { ...state, sinceMs: step.atMs, correlationId };
    changes.push({ kind: 'raised', ...stamp(state, step.atMs) });
  } else if (state.sinceMs !== null && state.calm >= rule.clearWindows) {
    changes.push({ kind: 'cleared', ...stamp(state, state.sinceMs) });
    // What raised it has been answered: the windows before its end do not raise the next.
    state = { ...newAlarm(state.version), calm: state.calm };
  }
  return { state, changes, wanted, ...counted, correlationId };
}

function unmoved(state: AlarmState, step: AlarmStep, rule: AlarmRule): AlarmResult {
  const correlationId = state.sinceMs === null ? step.reportId : state.correlationId;
  return { state, changes: [], wanted: false, ...countDrifted(state.recent, rule.raiseOf), correlationId };
}

function stamp({ correlationId, version }: AlarmState, sinceMs: number): Omit<AlarmChange, 'kind'> {
  return { correlationId, sinceMs, version };
}

function countDrifted(
  recent: AlarmState['recent'],
  of: number,
): { readonly drifted: number; readonly windows: number } {
  const looked = recent.slice(-of);
  return { drifted: looked.filter(({ drifted }) => drifted).length, windows: looked.length };
}
