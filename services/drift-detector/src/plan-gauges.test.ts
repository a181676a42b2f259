import { drift } from '@everloop/contracts';
import { createMetrics } from '@everloop/service';
import { beforeEach, expect, test } from 'vitest';
import { createPlanGauges, type PlanGauges } from './plan-gauges.ts';

const metrics = createMetrics('drift-detector');
let gauges: PlanGauges;
let model = '';
let runs = 0;

/** Samples of this test's model, by metric. */
async function shown(): Promise<readonly string[]> {
  return (await metrics.text())
    .split('\n')
    .filter((line) => line.startsWith('everloop_drift_plan_') && line.includes(`model="${model}"`))
    .map((line) => line.replace('everloop_drift_plan_', '').replace(`model="${model}",monitor="${model}",`, ''))
    .map((line) => line.replace(/,?service="drift-detector"/, ''))
    .toSorted();
}

const plan = (over: Partial<drift.AlarmPlan> = {}): drift.AlarmPlan =>
  drift.AlarmPlan.fromPartial({
    ...{ model, monitor: model, status: 'calibrated', falseRetrainings: 0.25, falseRetrainingsUpper: 0.75 },
    delays: [
      { shift: 0.1, medianWindows: -1 },
      { shift: 0.5, medianWindows: 2 },
    ],
    ...over,
  });
const first = [
  ...['delay_windows{shift="0.1"} +Inf', 'delay_windows{shift="0.5"} 2', 'false_retrainings_upper{} 0.75'],
  ...['false_retrainings{} 0.25', 'status{status="calibrated"} 1'],
];
const second = ['false_retrainings_upper{} 4', 'false_retrainings{} 3', 'status{status="over-budget"} 1'];
const overBudget = (): drift.AlarmPlan =>
  plan({ status: 'over-budget', falseRetrainings: 3, falseRetrainingsUpper: 4, delays: [] });
const report = (baselineVersion: string, windowEndMs: number) => ({ monitor: model, baselineVersion, windowEndMs });

beforeEach(() => {
  runs += 1;
  model = `planned${runs}`;
  gauges = createPlanGauges(metrics);
});

test('the plan of the newest window is shown, whichever of the two topics is read first', async () => {
  gauges.planned(`${model}/1`, plan());
  expect(await shown()).toEqual([]);
  gauges.reported(report('1', 1));
  expect(await shown()).toEqual(first);
  gauges.reported(report('2', 2));
  expect(await shown()).toEqual([]);
  gauges.planned(`${model}/2`, overBudget());
  expect(await shown()).toEqual(second);
});

test('an older report changes nothing, a version that is back in service has its own plan again', async () => {
  gauges.planned(`${model}/1`, plan());
  gauges.planned(`${model}/2`, overBudget());
  gauges.reported(report('2', 2));
  gauges.reported(report('1', 1));
  expect(await shown()).toEqual(second);
  gauges.reported(report('1', 3));
  expect(await shown()).toEqual(first);
});

test('an unknown plan predicts nothing, and what is forgotten is gone', async () => {
  gauges.reported(report('1', 1));
  gauges.planned(`${model}/1`, plan({ status: 'unknown', delays: [] }));
  expect(await shown()).toEqual(['status{status="unknown"} 1']);
  gauges.planned(`${model}/1`, null);
  expect(await shown()).toEqual([]);
});
