import { setImmediate } from 'node:timers/promises';
import type { drift } from '@everloop/contracts';
import { calibration, unknownPlan, type NamedMonitor } from '@everloop/drift';
import type { BaselineStore, HistoryStore } from '../ports.ts';
import { keepUsed } from './kept.ts';

/** Makes the plans of Monitors. */
export interface Planner {
  /**
   * The plan of a Monitor on a version of its model, always the same; null: the version has no baseline. Seconds of work, in steps of some
   * milliseconds between which other work goes on; one after the other, since each holds a whole history. Rejects with a retryable error while the
   * registry is away.
   */
  of(monitor: NamedMonitor, version: string): Promise<drift.AlarmPlan | null>;
}

/** Plans that are kept, about 2 kB each: a batch that is rolled back asks for the same once more. */
const plansMax = 64;

export function createPlanner(baselines: BaselineStore, histories: HistoryStore): Planner {
  const kept = keepUsed<drift.AlarmPlan>(plansMax);
  let last: Promise<unknown> = Promise.resolve();
  async function plan(monitor: NamedMonitor, version: string): Promise<drift.AlarmPlan | null> {
    const baseline = await baselines.get(monitor.spec.model, version);
    if (baseline === null) return null;
    const panes = await histories.get(baseline);
    if (panes === null) return unknownPlan(monitor, version, `version ${version} has no usable history.pb`);
    const steps = calibration({ monitor, baseline, panes });
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      await setImmediate();
    }
  }
  function inTurn(monitor: NamedMonitor, version: string): Promise<drift.AlarmPlan | null> {
    const own = last.then(() => plan(monitor, version));
    last = own.catch(() => null);
    return own;
  }
  return { of: (monitor, version) => kept(JSON.stringify([monitor, version]), () => inTurn(monitor, version)) };
}
