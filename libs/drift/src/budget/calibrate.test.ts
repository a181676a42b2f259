import type { drift, MonitorSpec } from '@everloop/contracts';
import { describe, expect, test } from 'vitest';
import { baselineOf, budgeted, simulatedPanes } from '../../test/simulated.ts';
import { evaluateWindow } from '../judge/evaluate.ts';
import type { Baseline } from '../panes/baseline.ts';
import { calibrate, calibration } from './calibrate.ts';
import { debounce } from './debounce.ts';
import { historyWindows } from './history.ts';
import { codeOf, traceOf } from './trace.ts';

const panes = simulatedPanes({ hours: 240, rows: 300, seed: 1 });
const baseline = baselineOf(panes);

/** As many columns again that only service teaches; no training row has them. */
function withServiceColumns({ fields, ...rest }: Baseline): Baseline {
  const more = fields.map((field) => {
    const { reference } = field;
    const counts = reference.counts.map(() => 0);
    return {
      ...field,
      origin: 'service' as const,
      reference: { ...reference, field: `attribution.${reference.field}`, counts },
    };
  });
  return { ...rest, fields: [...fields, ...more] };
}

function planOf(spec: Partial<MonitorSpec> = {}, of = panes): drift.AlarmPlan {
  return calibrate({ monitor: budgeted(spec), baseline, panes: of });
}

describe('a plan', () => {
  const plan = planOf();

  test('keeps the budget, finds shifts the sooner the larger they are, and names its policy', () => {
    expect(plan).toMatchObject({ status: 'calibrated', allowed: 1, runs: 200, historyPanes: 240 });
    expect(plan.falseRetrainingsUpper).toBeLessThanOrEqual(1);
    expect(plan.policy?.planId).toBe(plan.id);
    const delays = plan.delays.map(({ medianWindows }) => (medianWindows < 0 ? Infinity : medianWindows));
    expect([...delays].sort((a, b) => b - a)).toEqual(delays);
    expect(plan.delays.map(({ shift, shiftedFields }) => [shift, shiftedFields])).toEqual([
      [0.1, 1],
      [0.25, 1],
      [0.5, 1],
    ]);
    expect(delays[2]).toBeLessThanOrEqual(3);
  });

  test.each<[string, Partial<MonitorSpec>, Baseline, number]>([
    ['those that the Monitor watches', { fields: ['f3', 'f7'] }, baseline, 1],
    ['those that training knows', {}, withServiceColumns(baseline), 1],
  ])('shifts %s, and no others', (_, spec, of, shiftedFields) => {
    const { delays } = calibrate({ monitor: budgeted(spec), baseline: of, panes });
    // A shift of fields that nobody looks at is never found.
    expect(delays.at(-1)).toMatchObject({ shift: 0.5, shiftedFields, found: 1 });
  });

  test('is the same for the same history, in any order and in slices', () => {
    expect(planOf({}, panes.toReversed())).toEqual(plan);
    expect([...calibration({ monitor: budgeted(), baseline, panes })].length).toBeGreaterThan(400);
  });

  test('holds on rows that it has not seen', () => {
    const { policy } = plan;
    if (policy === undefined) throw new Error('no policy');
    const monitor = budgeted();
    const requests = [2, 3].map((seed) => {
      const fresh = simulatedPanes({ hours: 720, rows: 300, seed });
      const codes = [...historyWindows(baseline, fresh, monitor)].map(({ window }) =>
        codeOf(traceOf(evaluateWindow(window, baseline, { ...policy, psi: 0 }), monitor.spec), policy.psi, 0),
      );
      return debounce(codes, { ...policy, coolDownWindows: 24 }).requests;
    });
    expect(Math.max(...requests)).toBeLessThanOrEqual(1);
  });
});

describe('what the status says', () => {
  test('without a budget the own values are tried, and nothing else', () => {
    const spec = budgeted().spec;
    const { budget, ...rest } = spec;
    expect(budget).toBeDefined();
    const plan = calibrate({ monitor: { name: 'watch', revision: 1, spec: rest }, baseline, panes });
    expect(plan).toMatchObject({ status: 'checked', allowed: 0, policy: { significance: 0.01, psi: 0.1, raiseOf: 1 } });
  });

  test('a history that drifts all the time keeps no budget', () => {
    const restless = simulatedPanes({
      hours: 240,
      rows: 300,
      seed: 4,
      low: (h) => (Math.floor(h / 12) % 2 === 0 ? 0.1 : 0.9),
    });
    const plan = calibrate({ monitor: budgeted(), baseline: baselineOf(restless), panes: restless });
    expect(plan.status).toBe('over-budget');
    expect(plan.falseRetrainingsUpper).toBeGreaterThan(1);
    expect(plan.reason).toContain('nothing that was tried keeps the 1 allowed; windows are judged by the nearest, ');
    expect(plan.policy?.planId).toBe(plan.id);
  });

  test('a daily season needs references of the same hour', () => {
    const seasonal = simulatedPanes({ hours: 240, rows: 300, seed: 5, low: (h) => (h % 24 < 12 ? 0.4 : 0.6) });
    const by = (phase: 'none' | 'hour'): drift.AlarmPlan =>
      calibrate({ monitor: budgeted({ reference: { phase } }), baseline: baselineOf(seasonal), panes: seasonal });
    const [without, matched] = [by('none'), by('hour')];
    expect(matched.status).toBe('calibrated');
    expect(matched.policy?.psi).toBeLessThan(without.policy?.psi ?? 0);
    const slow = ({ delays }: drift.AlarmPlan): number => delays.reduce((sum, one) => sum + one.medianWindows, 0);
    expect(slow(matched)).toBeLessThan(slow(without));
  });

  test.each<[string, Partial<MonitorSpec>, number]>([
    ['a few windows', {}, 9],
    ['windows with too few rows', { minRows: 1_000 }, 240],
    ['no panes', {}, 0],
  ])('unknown: %s', (_, spec, hours) => {
    const plan = planOf(spec, panes.slice(0, hours));
    expect(plan).toMatchObject({ status: 'unknown', policy: { psi: 0.1, planId: '' }, delays: [] });
    expect(plan.reason).toMatch(
      /^the history has \d+ windows with at least \d+ rows, 10 are needed; windows are judged by the Monitor's own values$/,
    );
  });
});
