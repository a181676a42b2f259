import { drift } from '@everloop/contracts';
import type { Gauge, Metrics } from '@everloop/service';

/** What the events say now, as metrics: the same in every replica and after a restart, since all of it comes from topics. */
export interface DriftGauges {
  reported(report: drift.DriftReport): void;
  quality(report: drift.QualityReport): void;
  /** `isLive`: made since this process has caught up; only these are counted. */
  decided(decision: drift.Decision, isLive: boolean): void;
  alerted(alert: drift.DriftAlert): void;
}

/** Label of all fields beyond the first `fieldsMax` of a model. */
const overflow = '(other)';

const outcomes: Readonly<Record<string, string>> = {
  [drift.RetrainOutcome.NONE]: 'none',
  [drift.RetrainOutcome.REQUESTED]: 'requested',
  [drift.RetrainOutcome.DEFERRED]: 'deferred',
  [drift.RetrainOutcome.SUPPRESSED]: 'suppressed',
};

/** Largest value of each label: the fields by themselves up to `fieldsMax`, the others as one. */
function byFeature(
  fields: readonly drift.FieldDrift[],
  fieldsMax: number,
  value: (field: drift.FieldDrift) => number | undefined,
): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  fields.forEach((field, i) => {
    const one = value(field);
    const feature = i < fieldsMax ? field.field : overflow;
    if (one !== undefined) found.set(feature, Math.max(found.get(feature) ?? -Infinity, one));
  });
  return found;
}

export function createDriftGauges(metrics: Metrics, fieldsMax: number): DriftGauges {
  const feature = ['model', 'feature'] as const;
  const psi = metrics.gauge('everloop_feature_psi', 'Stability index of the last judged window, nats', feature, 'max');
  const ks = metrics.gauge('everloop_feature_ks_statistic', 'KS statistic of the last window', feature, 'max');
  const drifted = metrics.gauge('everloop_feature_drifted', '1: drifted in the last window', feature, 'max');
  const perMonitor = ['model', 'monitor'] as const;
  const end = metrics.gauge(
    'everloop_drift_window_end_timestamp_seconds',
    'Event time of the end of the last judged window',
    perMonitor,
    'max',
  );
  const period = metrics.gauge('everloop_drift_window_period_seconds', 'Width of a window', perMonitor, 'max');
  const budget = metrics.gauge(
    'everloop_drift_alarm_budget_remaining',
    'Retrainings that drift may still ask for in the period of the alarm budget; below 0: overspent',
    perMonitor,
    'max',
  );
  const alarm = metrics.gauge(
    'everloop_drift_alarm_active',
    '1: an alarm is up',
    ['model', 'monitor', 'kind', 'severity'],
    'max',
  );
  const perKind = ['model', 'kind'] as const;
  const loss = metrics.gauge(
    'everloop_model_log_loss',
    'Log loss of the last window of outcomes, nats',
    perKind,
    'max',
  );
  const promise = metrics.gauge('everloop_model_log_loss_promised', 'What the version promised, nats', perKind, 'max');
  const error = metrics.gauge(
    'everloop_model_absolute_error',
    'Mean absolute error of the last window of outcomes, in the unit of the label',
    perKind,
    'max',
  );
  const errorPromised = metrics.gauge(
    'everloop_model_absolute_error_promised',
    'What the version promised, in the unit of the label',
    perKind,
    'max',
  );
  const decisions = metrics.counter('everloop_retrain_decisions_total', 'What was decided on reports, by outcome', [
    'model',
    'outcome',
  ]);
  /** Features that have a value now, by model: those that are gone lose theirs. */
  const known = new Map<string, ReadonlySet<string>>();
  const alarms = new Map<string, Readonly<Record<'model' | 'monitor' | 'kind' | 'severity', string>>>();

  function setAll(gauge: Gauge, model: string, values: ReadonlyMap<string, number>): void {
    for (const [name, value] of values) gauge.set({ model, feature: name }, value);
  }

  return {
    reported(report) {
      const { model, monitor, fields } = report;
      end.set({ model, monitor }, report.windowEndMs / 1000);
      period.set({ model, monitor }, (report.windowEndMs - report.windowStartMs) / 1000);
      if (report.verdict === drift.DriftVerdict.INSUFFICIENT) return;
      const values = byFeature(fields, fieldsMax, (field) => field.psi);
      for (const gone of known.get(model) ?? []) {
        if (!values.has(gone)) for (const gauge of [psi, ks, drifted]) gauge.remove({ model, feature: gone });
      }
      known.set(model, new Set(values.keys()));
      setAll(psi, model, values);
      setAll(
        ks,
        model,
        byFeature(fields, fieldsMax, (field) => field.ksStatistic),
      );
      setAll(
        drifted,
        model,
        byFeature(fields, fieldsMax, (field) => (field.drifted ? 1 : 0)),
      );
    },
    quality({ model, kind, slice, verdict, metric, observed, expected }) {
      if (verdict === drift.DriftVerdict.INSUFFICIENT || slice !== '') return;
      (metric === 'mae' ? error : loss).set({ model, kind }, observed);
      (metric === 'mae' ? errorPromised : promise).set({ model, kind }, expected);
    },
    decided({ model, monitor, outcome, budgetAllowed, budgetSpent }, isLive) {
      if (budgetAllowed > 0) budget.set({ model, monitor }, budgetAllowed - budgetSpent);
      if (isLive) decisions.inc({ model, outcome: outcomes[outcome] ?? 'unknown' });
    },
    alerted({ model, monitor, kind, slice, severity, resolved }) {
      const key = JSON.stringify([model, monitor, kind, slice]);
      const before = alarms.get(key);
      alarms.delete(key);
      if (before !== undefined) alarm.set(before, 0);
      if (!resolved) alarms.set(key, { model, monitor, kind, severity });
      // Alarms of several slices share one series: it is up as long as one of them is.
      for (const labels of alarms.values()) alarm.set(labels, 1);
    },
  };
}
