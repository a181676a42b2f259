import { drift, topics } from '@everloop/contracts';
import type { Bus, BusRecord } from '@everloop/kafka';
import { alarmPlanText } from '../monitor/plan.ts';
import { readRecords } from '../report/read-logs.ts';

/** The plans that Monitors are judged by now, for reading, by name: of each the one that was made last. Nothing where no Monitor has a budget. */
export async function plansInEffect(bus: Bus): Promise<readonly string[]> {
  const records: BusRecord[] = [];
  await readRecords(bus, [topics.driftPlan], (record) => void records.push(record));
  return newestPlans(records).map(alarmPlanText);
}

/** Of records in the order of their topic; one without a value takes its plan away. */
export function newestPlans(records: readonly Pick<BusRecord, 'key' | 'value'>[]): readonly drift.AlarmPlan[] {
  const kept = new Map<string, drift.AlarmPlan>();
  for (const { key, value } of records) {
    const name = String(key);
    kept.delete(name);
    if (value !== null && value.length > 0) kept.set(name, drift.AlarmPlan.fromJSON(JSON.parse(String(value))));
  }
  const byMonitor = new Map([...kept.values()].map((plan) => [plan.monitor, plan]));
  return [...byMonitor.values()].toSorted((a, b) => (a.monitor < b.monitor ? -1 : 1));
}
