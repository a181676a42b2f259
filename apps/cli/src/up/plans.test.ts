import { drift } from '@everloop/contracts';
import { expect, test } from 'vitest';
import { alarmPlanText } from '../monitor/plan.ts';
import { newestPlans } from './plans.ts';

const at = (monitor: string, version: string, status = 'calibrated') => ({
  key: Buffer.from(`${monitor}/${version}`),
  value: Buffer.from(
    JSON.stringify(
      drift.AlarmPlan.toJSON(drift.AlarmPlan.fromPartial({ monitor, baselineVersion: version, status, reason: 'r' })),
    ),
  ),
});
const gone = (monitor: string, version: string) => ({ key: Buffer.from(`${monitor}/${version}`), value: null });

test.each([
  ['no plan', [], []],
  ['of each Monitor the last one, by name', [at('b', '1'), at('a', '1'), at('b', '2')], ['a 1', 'b 2']],
  ['a version that was planned again is the last one', [at('a', '1'), at('a', '2'), at('a', '1')], ['a 1']],
  ['forgotten ones are gone', [at('a', '1'), at('a', '2'), gone('a', '2'), at('b', '1'), gone('b', '1')], ['a 1']],
])('%s', (_, records, expected) => {
  const plans = newestPlans(records);
  expect(plans.map(({ monitor, baselineVersion }) => `${monitor} ${baselineVersion}`)).toEqual(expected);
});

test('are told as everloop monitor plan tells them', () => {
  const [plan] = newestPlans([at('a', '1', 'unknown')]);
  expect(plan === undefined ? '' : alarmPlanText(plan)).toBe('Monitor a on version 1: unknown\n  r');
});
