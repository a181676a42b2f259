import { drift } from '@everloop/contracts';
import { blockLengths } from '@everloop/stats';
import { evaluateWindow } from '../judge/evaluate.ts';
import type { Baseline } from '../panes/baseline.ts';
import type { NamedMonitor } from '../windows/state.ts';
import { candidatesOf, significancesOf, type Candidate } from './candidates.ts';
import type { DebounceRule } from './debounce.ts';
import { delayOf, delaysOf, shiftedFieldsOf, shiftedHistory, shifts } from './delays.ts';
import { historyWindows, windowsPerDay, windowStepMs, type HistoryWindow } from './history.ts';
import { planHead, unknownPlan } from './plan.ts';
import { drawRuns, falseRetrainings, type FalseRetrainings, type Runs } from './runs.ts';
import { codeOf, traceOf, type WindowTrace } from './trace.ts';

/** Of fewer windows nothing can be promised. */
const windowsMin = 10;

export interface CalibrationInput {
  readonly monitor: NamedMonitor;
  readonly baseline: Baseline;
  /** The version's history; panes of the training snapshot in any order. */
  readonly panes: readonly drift.Pane[];
}

/** A window's trace by significance. */
type Traces = ReadonlyMap<number, readonly WindowTrace[]>;

function traceAt(monitor: NamedMonitor, { window, reference }: HistoryWindow, significance: number): WindowTrace {
  const { minDriftedFields } = monitor.spec;
  const policy = { significance, psi: 0, score: 0, minDriftedFields, raiseWindows: 1, raiseOf: 1, planId: '' };
  return traceOf(evaluateWindow(window, reference, policy), monitor.spec);
}

function* tracesOf(monitor: NamedMonitor, windows: readonly HistoryWindow[]): Generator<undefined, Traces> {
  const traces = new Map<number, WindowTrace[]>(significancesOf(monitor.spec).map((level) => [level, []]));
  for (const window of windows) {
    for (const [significance, own] of traces) own.push(traceAt(monitor, window, significance));
    yield undefined;
  }
  return traces;
}

function codesOf(traces: readonly WindowTrace[], { psi, score }: Candidate): Uint8Array {
  return Uint8Array.from(traces, (trace) => codeOf(trace, psi, score));
}

interface Tried {
  readonly candidate: Candidate;
  readonly rates: FalseRetrainings;
}

/** What the windows of one shift say, by set of shifted fields. */
interface Shifted {
  readonly shift: number;
  readonly sets: readonly Traces[];
}

interface Simulation {
  readonly monitor: NamedMonitor;
  readonly baseline: Baseline;
  readonly traces: Traces;
  readonly runs: Runs;
  readonly length: number;
  readonly seed: number;
  readonly coolDownWindows: number;
}

function ruleOf({ coolDownWindows }: Simulation, { raiseWindows, raiseOf }: Candidate): DebounceRule {
  return { raiseWindows, raiseOf, coolDownWindows };
}

function delaysUnder(
  simulation: Simulation,
  shifted: Shifted,
  candidate: Candidate,
  length: number,
): readonly number[] {
  const sets = shifted.sets.map((traces) => codesOf(traces.get(candidate.significance) ?? [], candidate));
  return delaysOf(sets, length, ruleOf(simulation, candidate), simulation.seed);
}

/** Windows in which policies are compared; later ones are not. */
const comparedMax = 200;

/** How slow a policy is, over all shifts: mean logarithm of the delay, so that twice as long counts the same for each of them. */
function slowness(simulation: Simulation, shifted: readonly Shifted[], candidate: Candidate): number {
  const length = Math.min(comparedMax, simulation.length);
  const logs = shifted.flatMap((shift) =>
    delaysUnder(simulation, shift, candidate, length).map((delay) => Math.log(delay < 0 ? 2 * length : delay)),
  );
  return logs.reduce((sum, log) => sum + log, 0) / Math.max(1, logs.length);
}

/** Hours or windows that hang together: the longest block that any of a few quantities asks for. */
function blockOf(traces: Traces, windows: readonly HistoryWindow[]): number {
  const rows = blockLengths(windows.map(({ window }) => window.counts.rows)).stationary;
  const scores = [...traces.values()].map((own) => blockLengths(own.map(({ score }) => score)).stationary);
  return Math.ceil(Math.max(1, rows, ...scores));
}

function* tryAll(simulation: Simulation): Generator<undefined, readonly Tried[]> {
  const tried: Tried[] = [];
  for (const candidate of candidatesOf(simulation.monitor.spec)) {
    const codes = codesOf(simulation.traces.get(candidate.significance) ?? [], candidate);
    tried.push({ candidate, rates: falseRetrainings(codes, simulation.runs, ruleOf(simulation, candidate)) });
    yield undefined;
  }
  return tried;
}

function* shiftAll(
  { monitor, baseline }: CalibrationInput,
  windows: readonly HistoryWindow[],
): Generator<undefined, readonly Shifted[]> {
  const all: Shifted[] = [];
  for (const shift of shifts) {
    const sets: Traces[] = [];
    for (const set of shiftedHistory(windows, baseline, monitor.spec, shift)) sets.push(yield* tracesOf(monitor, set));
    all.push({ shift, sets });
  }
  return all;
}

interface Choice {
  readonly tried: Tried;
  readonly status: 'calibrated' | 'checked' | 'over-budget';
}

/** The fastest of those that keep the budget; of equally fast ones that with the fewest false retrainings, then with the higher floor. */
function choose(
  simulation: Simulation,
  all: readonly Tried[],
  shifted: readonly Shifted[],
  allowed: number,
): Choice | null {
  const first = all[0];
  if (first === undefined) return null;
  if (simulation.monitor.spec.budget === undefined) return { tried: first, status: 'checked' };
  const kept = all.filter(({ rates }) => rates.upper <= allowed);
  if (kept.length === 0) {
    const least = all.reduce((best, one) => (one.rates.upper < best.rates.upper ? one : best));
    return { tried: least, status: 'over-budget' };
  }
  const ranked = kept.map((tried) => ({ tried, slow: slowness(simulation, shifted, tried.candidate) }));
  const { tried } = ranked.reduce((best, one) => {
    const faster = Math.round((best.slow - one.slow) * 1e3);
    if (faster !== 0) return faster > 0 ? one : best;
    const fewer = best.tried.rates.upper - one.tried.rates.upper;
    if (fewer !== 0) return fewer > 0 ? one : best;
    return one.tried.candidate.psi > best.tried.candidate.psi ? one : best;
  });
  return { tried, status: tried === first ? 'checked' : 'calibrated' };
}

function reasonOf({ tried: { candidate, rates }, status }: Choice, windows: number, allowed: number): string {
  const { significance, psi, raiseWindows, raiseOf } = candidate;
  const policy = `significance ${significance}, floor ${psi}, ${raiseWindows} of ${raiseOf} windows`;
  const rate = `${rates.mean.toFixed(2)} false retrainings a period, with 95 % confidence at most ${rates.upper.toFixed(2)}`;
  const seen = `from ${windows} windows of the history`;
  if (status === 'over-budget')
    return `nothing that was tried keeps the ${allowed} allowed; windows are judged by the nearest, ${policy}: ${rate}, ${seen}`;
  return `${policy}: ${rate}${allowed > 0 ? ` of ${allowed} allowed` : ''}, ${seen}`;
}

/**
 * Finds how sensitive a Monitor may be on a version: evaluates the windows of the version's history by `evaluateWindow` at each level that is
 * tried, draws periods from them by block bootstrap, and takes the policy (significance, effect floor, score, k of n) that finds shifts
 * soonest among those whose upper 95 % bound of false retrainings in a period keeps the budget. The same input gives the same plan. A
 * generator, so that a service can do other work between its steps of a few milliseconds; `calibrate` runs it at once. At most 1,000
 * windows × 4 levels and 360 shifted windows × 4 levels are evaluated: with 50 fields about 15 s.
 *
 * Source: D. N. Politis and J. P. Romano (1994), JASA 89, 1303-1313 (stationary bootstrap); F. Garwood (1936), Biometrika 28, 437-442.
 */
export function* calibration(input: CalibrationInput): Generator<undefined, drift.AlarmPlan> {
  const { monitor, baseline } = input;
  const panes = [...input.panes].sort((a, b) => a.startMs - b.startMs);
  const { spec } = monitor;
  const stepMs = windowStepMs(monitor);
  const head = planHead(monitor, baseline.version);
  const { allowed, seed } = head;
  const length = Math.max(1, Math.round(head.periodMs / stepMs));
  const windows: HistoryWindow[] = [];
  for (const window of historyWindows(baseline, panes, monitor)) {
    windows.push(window);
    yield undefined;
  }
  const traces = yield* tracesOf(monitor, windows);
  const known = [...traces.values()][0]?.filter(({ reach }) => !Number.isNaN(reach)).length ?? 0;
  if (known < windowsMin) {
    const why = `the history has ${known} windows with at least ${spec.minRows} rows, ${windowsMin} are needed`;
    return unknownPlan(monitor, baseline.version, why, panes.length);
  }
  const block = blockOf(traces, windows);
  const perCycle = Math.min(windowsPerDay(monitor), windows.length);
  const runs = drawRuns({ windows: windows.length, length, perCycle, blockCycles: Math.ceil(block / perCycle), seed });
  const coolDownWindows = Math.ceil(spec.coolDownMs / stepMs);
  const simulation: Simulation = { monitor, baseline, traces, runs, length, seed, coolDownWindows };
  const all = yield* tryAll(simulation);
  const shifted = yield* shiftAll(input, windows);
  const choice = choose(simulation, all, shifted, allowed);
  if (choice === null) return unknownPlan(monitor, baseline.version, 'there is nothing to try', panes.length);
  const { candidate, rates } = choice.tried;
  return drift.AlarmPlan.fromPartial({
    ...head,
    historyPanes: panes.length,
    policy: { ...candidate, planId: head.id },
    falseRetrainings: rates.mean,
    falseRetrainingsUpper: rates.upper,
    delays: shifted.map((one) =>
      delayOf(one.shift, shiftedFieldsOf(baseline, spec), delaysUnder(simulation, one, candidate, length)),
    ),
    runs: runs.sequences.length,
    blockPanes: Math.ceil(block) * Math.max(1, Math.round(stepMs / (panes[0]?.widthMs || 3_600_000))),
    status: choice.status,
    reason: reasonOf(choice, known, allowed),
  });
}

/** The plan at once: seconds of work. See `calibration`. */
export function calibrate(input: CalibrationInput): drift.AlarmPlan {
  const steps = calibration(input);
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  return step.value;
}
