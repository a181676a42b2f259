import { monitorDefaults, type drift, type MonitorSpec } from '@everloop/contracts';
import {
  calibrate,
  codeOf,
  debounce,
  evaluateWindow,
  phaseReferences,
  policyOf,
  referenceFor,
  traceOf,
  type NamedMonitor,
  type PhaseReferences,
  type WindowTrace,
} from '@everloop/drift';
import { randomIndex } from '@everloop/stats';
import { peersOf, type Peers } from './peers.ts';
import { Sampler, snapshotOf, type ShiftAt, type World } from './world.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const historyDays = 30;
/** Snapshots, each with its own calibration; the seeds are dealt out to them in turn. */
const snapshots = 2;

export interface Scenario {
  readonly name: string;
  /** Hours and rows of a window. */
  readonly hours: number;
  readonly rows: number;
  readonly world: World;
  readonly phase: MonitorSpec['reference']['phase'];
  /** Hours that are simulated. */
  readonly lengthHours: number;
  /** Absent: nothing moves. */
  readonly shift?: ShiftAt;
  /** Seeds whose windows are all drawn anew; further ones deal out the days of these (where nothing moves, days are independent). */
  readonly freshSeeds: number;
}

/** What one rule did over all seeds. */
export interface RuleResult {
  /** Alarmed windows and retrainings (after the same cool-down) of 90 days, means of the seeds; of scenarios without a shift. */
  readonly alarmedWindows?: number;
  readonly retrainings?: number;
  readonly retrainingsMax?: number;
  /** Windows until the retraining is asked for, and how often it was. */
  readonly medianWindows?: number;
  readonly p90Windows?: number;
  readonly found?: number;
}

/** The procedure that protocols 4.7 recommends, with fixed limits, and the same with a budget. */
function monitorOf({ hours, phase }: Scenario, isBudgeted: boolean): NamedMonitor {
  const spec: MonitorSpec = {
    ...{ ...monitorDefaults, model: 'm', windowMs: hours * hourMs, reference: { phase }, coolDownMs: dayMs },
    ...{ raise: { windows: 3, of: 5 }, urgentPsi: 0.5 },
    ...(isBudgeted ? { budget: { falseRetrainings: 1, perMs: 90 * dayMs } } : {}),
  };
  return { name: 'watch', revision: 1, spec };
}

interface Prepared {
  readonly references: PhaseReferences;
  readonly peers: Peers;
  readonly plan: drift.AlarmPlan;
}

const prepared = new Map<string, readonly Prepared[]>();

/** Snapshots and plans of a world, made once for all scenarios that have it. */
function prepare(scenario: Scenario): readonly Prepared[] {
  const { world, hours, rows, phase } = scenario;
  const key = JSON.stringify([world, hours, rows, phase]);
  const known = prepared.get(key);
  if (known !== undefined) return known;
  const made = Array.from({ length: snapshots }, (_, i) => {
    const snapshot = snapshotOf(world, historyDays, hours, rows, 7_000 + i);
    const monitor = monitorOf(scenario, true);
    return {
      references: phaseReferences(snapshot.baseline, phase, snapshot.panes),
      peers: peersOf(snapshot),
      plan: calibrate({ monitor, baseline: snapshot.baseline, panes: snapshot.panes }),
    };
  });
  prepared.set(key, made);
  return made;
}

/** The plan of the first snapshot. */
export function planOf(scenario: Scenario): drift.AlarmPlan | undefined {
  return prepare(scenario)[0]?.plan;
}

interface Rule {
  readonly codes: number[];
  readonly raiseWindows: number;
  readonly raiseOf: number;
}

/** One seed: every window drawn anew, judged by all rules. */
function simulate(scenario: Scenario, { references, peers, plan }: Prepared, seed: number): Rules {
  const { world, hours, rows, lengthHours, shift } = scenario;
  const monitor = monitorOf(scenario, false);
  const fixed = policyOf(monitor.spec);
  const calibrated = plan.policy ?? fixed;
  const one = { raiseWindows: 1, raiseOf: 1 };
  const rules = {
    calibrated: { codes: [] as number[], raiseWindows: calibrated.raiseWindows, raiseOf: calibrated.raiseOf },
    fixed: { codes: [] as number[], raiseWindows: fixed.raiseWindows, raiseOf: fixed.raiseOf },
    anyKs: { codes: [] as number[], ...one },
    evidently: { codes: [] as number[], ...one },
    nannyml: { codes: [] as number[], ...one },
  };
  const sampler = new Sampler(world, seed);
  for (let hour = 0; hour < lengthHours; hour += hours) {
    const counts = sampler.pane(hour, hours, rows, shift?.(hour + hours / 2) ?? 0);
    const startMs = hour * hourMs;
    const window = {
      monitor,
      startMs,
      endMs: startMs + hours * hourMs,
      counts,
      carried: 0,
      lateRows: 0,
      watermarkMs: 0,
    };
    const reference = referenceFor(references, window);
    const traceAt = (significance: number): WindowTrace =>
      traceOf(evaluateWindow(window, reference, { ...fixed, significance, psi: 0 }), monitor.spec);
    const trace = traceAt(fixed.significance);
    const own = calibrated.significance === fixed.significance ? trace : traceAt(calibrated.significance);
    rules.calibrated.codes.push(codeOf(own, calibrated.psi, calibrated.score));
    rules.fixed.codes.push(codeOf(trace, fixed.psi, fixed.score));
    const alarms = peers.judge(counts);
    rules.anyKs.codes.push(alarms.anyKs ? 1 : 0);
    rules.evidently.codes.push(alarms.evidently ? 1 : 0);
    rules.nannyml.codes.push(alarms.nannyml ? 1 : 0);
  }
  return rules;
}

function summaryOf(scenario: Scenario, runs: readonly Rule[]): RuleResult {
  const coolDownWindows = Math.ceil(24 / scenario.hours);
  const results = runs.map((rule) => debounce(rule.codes, { ...rule, coolDownWindows }));
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, x) => sum + x, 0) / Math.max(1, values.length);
  if (scenario.shift === undefined) {
    return {
      alarmedWindows: Number(mean(runs.map(({ codes }) => codes.filter((code) => code > 0).length)).toFixed(2)),
      retrainings: Number(mean(results.map(({ requests }) => requests)).toFixed(3)),
      retrainingsMax: results.reduce((most, { requests }) => Math.max(most, requests), 0),
    };
  }
  const delays = results.map(({ first }) => (first < 0 ? Infinity : first + 1)).sort((a, b) => a - b);
  const at = (share: number): number => {
    const delay = delays[Math.floor(share * delays.length)] ?? Infinity;
    return delay === Infinity ? -1 : delay;
  };
  return {
    ...{ medianWindows: at(0.5), p90Windows: at(0.9) },
    found: Number(mean(delays.map((delay) => (delay < Infinity ? 1 : 0))).toFixed(3)),
  };
}

type Rules = Readonly<Record<string, Rule>>;

/** A sequence of the days of others, each drawn at random. */
function dealt(scenario: Scenario, fresh: readonly Rules[], seed: number): Rules {
  const perDay = Math.max(1, 24 / scenario.hours);
  const days = Math.ceil(scenario.lengthHours / 24);
  const random = randomIndex(seed);
  const own = fresh[random(fresh.length)] ?? {};
  // Of one snapshot all: its plan and its chance are the same.
  const peers = fresh.filter((_, i) => i % snapshots === fresh.indexOf(own) % snapshots);
  const places = Array.from({ length: days }, () => ({ run: random(peers.length), day: random(days) }));
  return Object.fromEntries(
    Object.entries(own).map(([name, rule]) => {
      const codes = places.flatMap(({ run, day }) => {
        return peers[run]?.[name]?.codes.slice(day * perDay, (day + 1) * perDay) ?? [];
      });
      return [name, { ...rule, codes }];
    }),
  );
}

/** Runs all seeds of a scenario: what each rule did. */
export function runScenario(scenario: Scenario, seeds: number): Readonly<Record<string, RuleResult>> {
  const all = prepare(scenario);
  const fresh = Array.from({ length: Math.min(seeds, scenario.freshSeeds) }, (_, seed) => {
    const own = all[seed % all.length];
    return own === undefined ? {} : simulate(scenario, own, 1_000 + seed);
  });
  const more = Array.from({ length: seeds - fresh.length }, (_, i) => dealt(scenario, fresh, i));
  const runs = [...fresh, ...more];
  return Object.fromEntries(
    Object.keys(runs[0] ?? {}).map((name) => {
      return [
        name,
        summaryOf(
          scenario,
          runs.flatMap((rules) => rules[name] ?? []),
        ),
      ];
    }),
  );
}
