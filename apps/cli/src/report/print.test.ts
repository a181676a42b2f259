import { describe, expect, it } from 'vitest';
import { ledgerReport } from './ledger.ts';
import { printReport } from './print.ts';
import { table } from './table.ts';
import type { Activity, Report } from './types.ts';

const activity: Activity = {
  predictions: 27_000,
  labelled: 26_500,
  quarantined: 521,
  quarantineReasons: [{ reason: 'required arr_delay', records: 500 }],
  driftWindows: 4,
  driftedWindows: 1,
  qualityWindows: 9,
  worseWindows: 2,
  retrainingRequests: 1,
  trainings: 1,
  retrainings: 1,
  failedTrainings: 0,
  skippedRequests: 0,
  rejections: 0,
  promotions: 1,
  rollbacks: 0,
  quality: {
    rows: 26_000,
    positives: 6_000,
    aucServed: 0.774123,
    aucNeverRetrained: 0.728,
    logLossServed: 0.45,
    logLossNeverRetrained: 0.48,
  },
};
const report: Report = {
  model: 'arrival-delay',
  from: '2013-01-01T00:00:00.000Z',
  until: '2013-07-01T00:00:00.000Z',
  months: [{ month: '2013-06', ...activity }],
  totals: {
    ...activity,
    events: 100_000,
    asked: { wanted: 30_000, asked: 27_000, answered: 27_000, unanswered: 3_000, failed: 0 },
  },
  spans: [{ from: '2013-05', until: '2013-09', quality: activity.quality }],
  data: {
    windows: 9,
    failed: 1,
    unexpected: [{ source: 'weather', column: 'gust', rows: 1_200 }],
    holds: [
      {
        ...{ source: 'weather', window: 'daily', state: 'closed', rules: ['no_reading/temp'], accepted: false },
        ...{ from: '2013-01-12T00:00:00.000Z', until: '2013-01-15T00:00:00.000Z' },
      },
    ],
  },
  versions: [
    {
      model: 'arrival-delay',
      version: '1',
      trainedAt: '2013-01-25T00:00:00.000Z',
      rows: 20_000,
      trigger: 'rows',
      stage: 'production',
      parent: '',
      gates: [{ name: 'auc', verdict: 'pass', detail: '0.720 is at least 0.600' }],
      firstServed: '2013-01-25T06:00:00.000Z',
      answers: 27_000,
      modelDigest: 'ab',
      datasetHash: 'cd',
      held: [],
    },
  ],
  ledger: ledgerReport(null, [], [{ name: 'a rule', ok: true, detail: '1 = 1' }]),
  parity: { checked: 2_000, different: 0, examples: [], note: '' },
  run: {
    wallSeconds: 100,
    eventsPerSecond: 1_000,
    predictionsPerSecond: 270,
    peakMemoryMib: 2_100,
    cpuSeconds: 180,
    processes: [],
    liveParity: {
      ...{ predictions: 270, values: 5_400, different: 0, late: 2, undecided: 4, rate: 1, skipped: 3, waiting: 0 },
    },
    reportSeconds: 3,
  },
};

describe('printReport', () => {
  it('says everything that a stranger asks', () => {
    const text = printReport(report);
    const row = text.split('\n').find((line) => line.startsWith('2013-06')) ?? '';
    expect(row.split(/ {2,}/)).toEqual([
      '2013-06',
      '27,000',
      '26,500',
      '521',
      '1 of 4',
      '2 of 9',
      '1',
      '1',
      '0',
      '0',
      '0.774',
      '0.728',
      '+0.046',
      '0.450',
      '0.480',
    ]);
    expect(text).toContain(
      'AUC from 2013-05 to 2013-09 over 26,000 labelled predictions: served 0.774, never retrained 0.728',
    );
    expect(text).toContain('version 1: production; trained 2013-01-25 on 20,000 rows because of rows');
    expect(text).toContain('pass         auc: 0.720 is at least 0.600');
    expect(text).toContain('2,000 served predictions computed again point-in-time, 0 values differ');
    expect(text).toContain(
      'Parity while serving: 1 (5,400 of 5,400 values of 270 predictions equal, 2 of them late; 4 undecided; 3 predictions not compared, 0 still to compare)',
    );
    expect(text).toContain('Data: 9 windows judged, 1 broke a rule, 1 holds');
    expect(text).toContain(
      'weather/daily: 2013-01-12T00:00 to 2013-01-15T00:00 did not train (closed): no_reading/temp',
    );
    expect(text).toContain('columns that no Source lists: weather.gust (1,200)');
    expect(text).toContain('It balances');
  });

  it('is silent about parity while serving where nothing was compared, and has no rate where nothing could be', () => {
    const without = { ...report, run: { ...report.run, liveParity: null } };
    expect(printReport(without)).not.toContain('Parity while serving');
    const liveParity = {
      ...{ predictions: 0, values: 0, different: 0, late: 0, undecided: 0, rate: null, skipped: 9, waiting: 1 },
    };
    expect(printReport({ ...report, run: { ...report.run, liveParity } })).toContain('Parity while serving: - (');
  });

  it('names what is wrong', () => {
    const ledger = ledgerReport(null, [], [{ name: 'a rule', ok: false, detail: '1 = 2' }]);
    const text = printReport({ ...report, ledger });
    expect(text).toContain('WRONG  a rule: 1 = 2');
    expect(text).toContain('does NOT balance: 1 problem');
  });
});

describe('table', () => {
  it('aligns', () => {
    expect(
      table(
        [
          { heading: 'a', align: 'left' },
          { heading: 'n', align: 'right' },
        ],
        [
          ['xyz', '1'],
          ['x', '100'],
        ],
      ),
    ).toBe('a      n\n---  ---\nxyz    1\nx    100');
  });
});
