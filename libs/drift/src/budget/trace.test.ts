import { drift } from '@everloop/contracts';
import { expect, test } from 'vitest';
import { baselineOf, budgeted, simulatedPanes } from '../../test/simulated.ts';
import { evaluateWindow } from '../judge/evaluate.ts';
import { historyWindows } from './history.ts';
import { codeOf, traceOf } from './trace.ts';

const panes = simulatedPanes({ hours: 48, rows: 200, seed: 9, low: (h) => 0.5 + (h % 5) * 0.08 });
const baseline = baselineOf(panes);

// One evaluation at floor 0 stands for one at each floor: what it says must be what `evaluateWindow` says.
test.each([
  [0, 0, 1],
  [0.02, 0, 1],
  [0.1, 0, 1],
  [0.1, 0, 3],
  [0.3, 0.05, 1],
  [0.3, 0.01, 11],
])('floor %d, score %d, %d fields: as an evaluation with these limits', (psi, score, minDriftedFields) => {
  const monitor = budgeted({ minDriftedFields, urgentPsi: 0.2, thresholds: [{ field: 'f3', psi: 0.05 }] });
  const policy = { significance: 0.01, minDriftedFields, raiseWindows: 1, raiseOf: 1, planId: '' };
  for (const { window, reference } of historyWindows(baseline, panes, monitor)) {
    const report = evaluateWindow(window, reference, { ...policy, psi, score });
    const trace = traceOf(evaluateWindow(window, reference, { ...policy, psi: 0, score: 0 }), monitor.spec);
    const code = codeOf(trace, psi, score);
    expect(code > 0).toBe(report.verdict === drift.DriftVerdict.DRIFTED);
    expect(code === 2).toBe(report.urgent);
  }
});

test('the reference of a window has the rows of its phase without its own', () => {
  const windows = [...historyWindows(baseline, panes, budgeted({ reference: { phase: 'hour' } }))];
  expect(windows).toHaveLength(48);
  expect(windows.map(({ reference }) => reference.rows)).toEqual(windows.map(() => 200));
  const [first] = windows;
  const sums = first?.reference.fields[0]?.reference.counts;
  expect(sums).toEqual(panes[24]?.fields[0]?.counts);
  const whole = [...historyWindows(baseline, panes, budgeted())];
  expect(whole.map(({ reference }) => reference.rows)).toEqual(whole.map(() => 47 * 200));
});
