import { drift, rollout, training } from '@everloop/contracts';
import { describe, expect, it } from 'vitest';
import type { ControlEvents } from './control.ts';
import { activityOf, monthOf, monthReports, QuarantineFold, type MonthInput } from './months.ts';
import { QualityFold } from './quality.ts';

const january = Date.UTC(2013, 0, 15);
const february = Date.UTC(2013, 1, 1);
const reasons = (...list: readonly (readonly [string, string])[]): string =>
  JSON.stringify(list.map(([rule, path]) => ({ rule, path, message: '', value: '' })));

function input(control: Partial<ControlEvents> = {}): MonthInput {
  const none: ControlEvents = {
    driftReports: [],
    qualityReports: [],
    requests: [],
    jobs: [],
    versions: [],
    routes: [],
    steps: [],
    windows: [],
    holds: [],
  };
  return {
    predictions: new Map([['2013-01', 7]]),
    quarantine: new QuarantineFold(),
    control: { ...none, ...control },
    quality: new QualityFold(),
  };
}

describe('QuarantineFold', () => {
  it('counts records by month and their reasons', () => {
    const fold = new QuarantineFold();
    const header = (ms: number, why: string): Record<string, string> => ({
      ce_time: new Date(ms).toISOString(),
      'evl-reasons': why,
    });
    fold.add(header(january, reasons(['required', 'arr_delay'])));
    fold.add(header(january, reasons(['required', 'arr_delay'], ['range', 'distance'])));
    fold.add(header(february, 'not JSON'));
    fold.add({});
    expect([...fold.months()]).toEqual(['2013-01', '2013-02', 'unknown']);
    expect(fold.records((month) => month === '2013-01')).toBe(2);
    expect(fold.top(() => true, 2)).toEqual([
      { reason: 'required arr_delay', records: 2 },
      { reason: 'no reason given', records: 1 },
    ]);
  });
});

describe('monthReports', () => {
  it('puts a window into the month it ends in, and lists months in order', () => {
    const report = drift.DriftReport.fromPartial({ windowEndMs: february, verdict: drift.DriftVerdict.DRIFTED });
    const few = drift.DriftReport.fromPartial({ windowEndMs: january, verdict: drift.DriftVerdict.INSUFFICIENT });
    const months = monthReports(
      input({
        driftReports: [report, few],
        requests: [training.RetrainingRequested.fromPartial({ eventTimeMs: february })],
        jobs: [
          training.JobEvent.fromPartial({ eventTimeMs: february, state: training.JobState.STARTED }),
          training.JobEvent.fromPartial({
            eventTimeMs: february,
            state: training.JobState.SUCCEEDED,
            trigger: 'drift',
            versionStage: 'rejected',
          }),
          training.JobEvent.fromPartial({
            eventTimeMs: january,
            state: training.JobState.SUCCEEDED,
            trigger: 'rows',
            versionStage: 'approved',
          }),
        ],
        steps: [rollout.RolloutStep.fromPartial({ eventTimeMs: february, action: 'promoted' })],
      }),
    );
    expect(months).toMatchObject([
      { month: '2013-01', predictions: 7, driftWindows: 1, driftedWindows: 1, trainings: 1, retrainings: 0 },
      {
        month: '2013-02',
        predictions: 0,
        driftWindows: 0,
        retrainingRequests: 1,
        trainings: 1,
        retrainings: 1,
        rejections: 1,
        promotions: 1,
      },
    ]);
  });

  it('counts windows judged by labels, also of slices, and those that were worse; estimates and windows with few labels are none', () => {
    const one = (over: Partial<drift.QualityReport>): drift.QualityReport =>
      drift.QualityReport.fromPartial({
        ...{ windowEndMs: january, kind: 'performance', verdict: drift.DriftVerdict.STABLE, ...over },
      });
    const [month] = monthReports(
      input({
        qualityReports: [
          ...[one({}), one({ slice: 'jfk', verdict: drift.DriftVerdict.DRIFTED })],
          ...[one({ kind: 'estimated' }), one({ verdict: drift.DriftVerdict.INSUFFICIENT })],
        ],
      }),
    );
    expect(month).toMatchObject({ month: '2013-01', qualityWindows: 2, worseWindows: 1 });
  });

  it('adds up to the total', () => {
    const one = input({ steps: [rollout.RolloutStep.fromPartial({ eventTimeMs: january, action: 'rolled-back' })] });
    expect(activityOf(one, ['2013-01'])).toMatchObject({ predictions: 7, rollbacks: 1, promotions: 0 });
    expect(activityOf(one, [])).toMatchObject({ predictions: 0, rollbacks: 0 });
  });
});

describe('monthOf', () => {
  it('is UTC', () => {
    expect(monthOf(Date.UTC(2013, 1, 1) - 1)).toBe('2013-01');
    expect(monthOf(Number.NaN)).toBe('unknown');
  });
});
