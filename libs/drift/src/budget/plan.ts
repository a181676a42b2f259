import { drift, eventId } from '@everloop/contracts';
import { hashText } from '@everloop/stats';
import { policyOf } from '../judge/evaluate.ts';
import type { NamedMonitor } from '../windows/state.ts';

/** Period of a Monitor without a budget, milliseconds. */
const periodMs = 90 * 86_400_000;

/** What every plan of a Monitor on a version says, whatever comes of it. Id and seed come from the names, revision and version alone. */
export type PlanHead = Pick<
  drift.AlarmPlan,
  'id' | 'monitor' | 'monitorRevision' | 'model' | 'baselineVersion' | 'allowed' | 'periodMs' | 'seed'
>;

export function planHead({ name, revision, spec }: NamedMonitor, version: string): PlanHead {
  return {
    id: eventId('alarm-plan', name, String(revision), spec.model, version),
    ...{ monitor: name, monitorRevision: revision, model: spec.model, baselineVersion: version },
    ...{ allowed: spec.budget?.falseRetrainings ?? 0, periodMs: spec.budget?.perMs ?? periodMs },
    seed: hashText(`${name}/${revision}/${version}`) % 2 ** 32,
  };
}

/** A plan that promises nothing, and why: windows are judged by the Monitor's own values. */
export function unknownPlan(monitor: NamedMonitor, version: string, why: string, historyPanes = 0): drift.AlarmPlan {
  return drift.AlarmPlan.fromPartial({
    ...planHead(monitor, version),
    ...{ historyPanes, policy: policyOf(monitor.spec), status: 'unknown' },
    reason: `${why}; windows are judged by the Monitor's own values`,
  });
}
