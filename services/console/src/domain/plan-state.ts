import type { drift } from '@everloop/contracts';

/** Plans of a model that are remembered: a few versions of a few Monitors. */
const keptMax = 64;

/** Key of a plan in its topic. */
function keyOf({ monitor, baselineVersion }: drift.AlarmPlan): string {
  return `${monitor}/${baselineVersion}`;
}

/** Plans with one more, which takes the place of that of the same Monitor and version. */
export function plansWith(plans: readonly drift.AlarmPlan[], plan: drift.AlarmPlan): readonly drift.AlarmPlan[] {
  return [...plansWithout(plans, keyOf(plan)), plan].slice(-keptMax);
}

/** Plans without the one of a key. */
export function plansWithout(plans: readonly drift.AlarmPlan[], key: string): readonly drift.AlarmPlan[] {
  return plans.filter((plan) => keyOf(plan) !== key);
}

/** How a Monitor behaves by its plan. */
export interface PagePlan {
  readonly monitor: string;
  readonly version: string;
  /** "calibrated", "checked", "over-budget", "unknown". */
  readonly status: string;
  readonly reason: string;
  /** Retrainings without cause in a period: mean and upper 95 % bound; null: unknown. */
  readonly falseRetrainings: number | null;
  readonly falseRetrainingsUpper: number | null;
  readonly allowed: number;
  readonly periodMs: number;
  /** Windows until half of the shifts are found; null: not in a period. */
  readonly delays: readonly { readonly shift: number; readonly medianWindows: number | null; readonly found: number }[];
}

/** The plan of each Monitor that its newest decision on a window of inputs went by, else the one that was made last. By name. */
export function pagePlans(
  plans: readonly drift.AlarmPlan[],
  decisions: readonly drift.Decision[],
): readonly PagePlan[] {
  const byMonitor = Map.groupBy(plans, ({ monitor }) => monitor);
  return [...byMonitor]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([monitor, own]) => {
      const newest = decisions.findLast((one) => one.monitor === monitor && one.kind === 'data');
      const plan = own.find(({ id }) => id === newest?.policy?.planId) ?? own.at(-1);
      return plan === undefined ? [] : [pagePlan(plan)];
    });
}

function pagePlan(plan: drift.AlarmPlan): PagePlan {
  const { monitor, baselineVersion: version, status, reason, allowed, periodMs } = plan;
  const isKnown = status !== 'unknown';
  return {
    ...{ monitor, version, status, reason, allowed, periodMs },
    falseRetrainings: isKnown ? plan.falseRetrainings : null,
    falseRetrainingsUpper: isKnown ? plan.falseRetrainingsUpper : null,
    delays: plan.delays.map(({ shift, medianWindows, found }) => ({
      shift,
      medianWindows: medianWindows < 0 ? null : medianWindows,
      found,
    })),
  };
}
