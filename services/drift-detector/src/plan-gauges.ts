import type { drift } from '@everloop/contracts';
import type { Metrics } from '@everloop/service';

/** The plan of each Monitor that its newest window was judged by, as metrics. Reports and plans may come in any order: they are of two topics. */
export interface PlanGauges {
  /** A plan, or null: it is forgotten. `key` is that of its topic, `<monitor>/<baseline version>`. */
  planned(key: string, plan: drift.AlarmPlan | null): void;
  reported(report: Pick<drift.DriftReport, 'monitor' | 'baselineVersion' | 'windowEndMs'>): void;
}

/** Shown series of a Monitor, to be taken away when others are shown. */
type Shown = readonly (() => void)[];

export function createPlanGauges(metrics: Metrics): PlanGauges {
  const perMonitor = ['model', 'monitor'] as const;
  const rate = metrics.gauge(
    'everloop_drift_plan_false_retrainings',
    'Retrainings without drift that the alarm plan predicts for a period of the budget, mean',
    perMonitor,
    'max',
  );
  const upper = metrics.gauge(
    'everloop_drift_plan_false_retrainings_upper',
    'The same, upper 95 % bound: what is compared with the budget',
    perMonitor,
    'max',
  );
  const delay = metrics.gauge(
    'everloop_drift_plan_delay_windows',
    'Median windows until a shift of so many standard deviations is found; +Inf: not in a period',
    [...perMonitor, 'shift'],
    'max',
  );
  const status = metrics.gauge(
    'everloop_drift_plan_status',
    '1: what became of the calibration: calibrated, checked, over-budget, unknown',
    [...perMonitor, 'status'],
    'max',
  );
  const plans = new Map<string, drift.AlarmPlan>();
  const newest = new Map<string, { readonly key: string; readonly endMs: number }>();
  const shown = new Map<string, Shown>();

  function show(monitor: string): void {
    for (const remove of shown.get(monitor) ?? []) remove();
    shown.delete(monitor);
    const plan = plans.get(newest.get(monitor)?.key ?? '');
    if (plan === undefined) return;
    const { model } = plan;
    const labels = { model, monitor };
    const series: (() => void)[] = [];
    const set = (gauge: typeof rate, own: Readonly<Record<string, string>>, value: number): void => {
      gauge.set(own, value);
      series.push(() => gauge.remove(own));
    };
    set(status, { ...labels, status: plan.status }, 1);
    // An unknown plan predicts nothing.
    if (plan.status !== 'unknown') {
      set(rate, labels, plan.falseRetrainings);
      set(upper, labels, plan.falseRetrainingsUpper);
    }
    for (const { shift, medianWindows } of plan.delays)
      set(delay, { ...labels, shift: String(shift) }, medianWindows < 0 ? Infinity : medianWindows);
    shown.set(monitor, series);
  }

  return {
    planned(key, plan) {
      if (plan === null) plans.delete(key);
      else plans.set(key, plan);
      for (const [monitor, { key: own }] of newest) if (own === key) show(monitor);
    },
    reported({ monitor, baselineVersion, windowEndMs: endMs }) {
      const before = newest.get(monitor);
      if (before !== undefined && before.endMs > endMs) return;
      const key = `${monitor}/${baselineVersion}`;
      newest.set(monitor, { key, endMs });
      if (before?.key !== key) show(monitor);
    },
  };
}
