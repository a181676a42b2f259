import { drift } from '@everloop/contracts';
import { createMetrics } from '@everloop/service';
import { beforeEach, describe, expect, test } from 'vitest';
import { createDriftGauges, type DriftGauges } from './drift-gauges.ts';

const metrics = createMetrics('drift-detector');
let gauges: DriftGauges;
let model: string;
let runs = 0;

/** Samples of this test's model, without the labels that all have. */
async function samples(name: string): Promise<readonly string[]> {
  const text = await metrics.text();
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) && line.includes(`model="${model}"`))
    .map((line) => line.replace(name, '').replace(`model="${model}",`, '').replace(',service="drift-detector"', ''));
}

const report = (fields: Partial<drift.FieldDrift>[], over: Partial<drift.DriftReport> = {}): drift.DriftReport =>
  drift.DriftReport.fromPartial({
    ...{ model, monitor: 'watch', windowStartMs: 0, windowEndMs: 3_600_000, verdict: drift.DriftVerdict.STABLE },
    ...{ fields, ...over },
  });

beforeEach(() => {
  runs += 1;
  model = `m${runs}`;
  gauges = createDriftGauges(metrics, 2);
});

describe('windows', () => {
  test('each feature by its name up to the limit, the worst of the others as one', async () => {
    gauges.reported(
      report([
        { field: 'a', psi: 0.1, ksStatistic: 0.2 },
        { field: 'b', psi: 0.3, drifted: true },
        { field: 'c', psi: 0.5, ksStatistic: 0.1 },
        { field: 'd', psi: 0.4, ksStatistic: 0.6 },
      ]),
    );
    expect(await samples('everloop_feature_psi')).toEqual([
      '{feature="a"} 0.1',
      '{feature="b"} 0.3',
      '{feature="(other)"} 0.5',
    ]);
    expect(await samples('everloop_feature_ks_statistic')).toEqual(['{feature="a"} 0.2', '{feature="(other)"} 0.6']);
    expect(await samples('everloop_feature_drifted')).toContain('{feature="b"} 1');
    expect(await samples('everloop_drift_window_end_timestamp_seconds')).toEqual(['{monitor="watch"} 3600']);
    expect(await samples('everloop_drift_window_period_seconds')).toEqual(['{monitor="watch"} 3600']);
  });

  test('a feature that the next version does not have is gone', async () => {
    gauges.reported(
      report([
        { field: 'a', psi: 0.1 },
        { field: 'b', psi: 0.2 },
      ]),
    );
    gauges.reported(report([{ field: 'b', psi: 0.4 }]));
    expect(await samples('everloop_feature_psi')).toEqual(['{feature="b"} 0.4']);
  });

  test('one with too few rows moves the clock and nothing else', async () => {
    gauges.reported(report([{ field: 'a', psi: 0.1 }]));
    gauges.reported(report([], { verdict: drift.DriftVerdict.INSUFFICIENT, windowEndMs: 7_200_000 }));
    expect(await samples('everloop_feature_psi')).toEqual(['{feature="a"} 0.1']);
    expect(await samples('everloop_drift_window_end_timestamp_seconds')).toEqual(['{monitor="watch"} 7200']);
  });
});

describe('quality', () => {
  test('of all predictions, where there is enough', async () => {
    const one = { model, kind: 'performance', verdict: drift.DriftVerdict.DRIFTED, observed: 0.6, expected: 0.5 };
    gauges.quality(drift.QualityReport.fromPartial(one));
    gauges.quality(drift.QualityReport.fromPartial({ ...one, slice: 'jfk', observed: 9 }));
    gauges.quality(drift.QualityReport.fromPartial({ ...one, verdict: drift.DriftVerdict.INSUFFICIENT, observed: 0 }));
    expect(await samples('everloop_model_log_loss')).toEqual(['{kind="performance"} 0.6']);
    expect(await samples('everloop_model_log_loss_promised')).toEqual(['{kind="performance"} 0.5']);
  });
});

describe('quality of predicted numbers', () => {
  test('is an error in the unit of the label, and no log loss', async () => {
    const one = {
      model,
      kind: 'performance',
      metric: 'mae',
      verdict: drift.DriftVerdict.STABLE,
      observed: 12,
      expected: 9,
    };
    gauges.quality(drift.QualityReport.fromPartial(one));
    expect(await samples('everloop_model_absolute_error')).toEqual(['{kind="performance"} 12']);
    expect(await samples('everloop_model_absolute_error_promised')).toEqual(['{kind="performance"} 9']);
    expect(await samples('everloop_model_log_loss')).toEqual([]);
  });
});

describe('decisions', () => {
  test('are counted from now on; what is left of the budget is known from the past', async () => {
    const one = drift.Decision.fromPartial({ model, monitor: 'watch', outcome: drift.RetrainOutcome.REQUESTED });
    gauges.decided({ ...one, budgetAllowed: 1, budgetSpent: 2 }, false);
    gauges.decided(one, true);
    gauges.decided({ ...one, outcome: drift.RetrainOutcome.DEFERRED }, true);
    expect(await samples('everloop_drift_alarm_budget_remaining')).toEqual(['{monitor="watch"} -1']);
    expect(await samples('everloop_retrain_decisions_total')).toEqual([
      '{outcome="requested"} 1',
      '{outcome="deferred"} 1',
    ]);
  });
});

describe('alarms', () => {
  const alert = (over: Partial<drift.DriftAlert> = {}): drift.DriftAlert =>
    drift.DriftAlert.fromPartial({ model, monitor: 'watch', kind: 'performance', severity: 'page', ...over });

  test('are up until all that share a series are over', async () => {
    gauges.alerted(alert());
    gauges.alerted(alert({ slice: 'jfk' }));
    gauges.alerted(alert({ resolved: true }));
    const series = '{monitor="watch",kind="performance",severity="page"}';
    expect(await samples('everloop_drift_alarm_active')).toEqual([`${series} 1`]);
    gauges.alerted(alert({ slice: 'jfk', resolved: true }));
    expect(await samples('everloop_drift_alarm_active')).toEqual([`${series} 0`]);
  });

  test('that change their severity leave nothing up', async () => {
    gauges.alerted(alert({ severity: 'ticket' }));
    gauges.alerted(alert());
    expect(await samples('everloop_drift_alarm_active')).toEqual([
      '{monitor="watch",kind="performance",severity="ticket"} 0',
      '{monitor="watch",kind="performance",severity="page"} 1',
    ]);
  });
});
