import { ServiceError } from '@everloop/service';
import type { NamedMonitor } from '@everloop/drift';
import type { ApplyOutcome } from '../apply.ts';
import { overBudget } from '../errors.ts';
import { planMonitors } from './command.ts';
import { isOverBudget, type MonitorPlan } from './plan.ts';

/** Where the artifacts of versions cannot be read Monitors are applied all the same: the detector reads them elsewhere. */
function unread(monitor: NamedMonitor, error: unknown): MonitorPlan {
  if (!(error instanceof ServiceError) || !error.code.startsWith('EVL_STORAGE_')) throw error;
  const reason = `its version cannot be read here (${error.code}); name the object store with --objects or EVL_OBJECT_STORE to see what it costs`;
  return { kind: 'none', monitor, reason };
}

/**
 * Plans of the Monitors that applying would create or change (`would`: what a dry run says), at the revision that they get: what the drift detector will
 * judge their windows by. Seconds a Monitor.
 */
export async function planChange(
  monitors: readonly NamedMonitor[],
  would: ApplyOutcome,
  sources: { readonly registryAddress: string; readonly objects: string },
): Promise<readonly MonitorPlan[]> {
  const plans: MonitorPlan[] = [];
  for (const { kind, name, revision, change } of would.results) {
    const monitor = monitors.find((one) => one.name === name);
    if (kind !== 'Monitor' || change === 'unchanged' || monitor === undefined) continue;
    const changed = { ...monitor, revision };
    plans.push(
      ...(await planMonitors([changed], sources.registryAddress, sources.objects).catch((error: unknown) => [
        unread(changed, error),
      ])),
    );
  }
  return plans;
}

/** Throws EVL_CLI_MONITOR_OVER_BUDGET where a plan costs more than its Monitor allows. */
export function refuseOverBudget(plans: readonly MonitorPlan[]): void {
  const lines = plans.flatMap((one) => {
    if (one.kind === 'none' || !isOverBudget(one)) return [];
    const { falseRetrainingsUpper, allowed, monitor } = one.plan;
    return [`Monitor ${monitor} (the nearest asks up to ${falseRetrainingsUpper.toFixed(2)} times, ${allowed} are allowed)`]; // prettier-ignore
  });
  if (lines.length > 0) throw overBudget(lines);
}
