import { drift, registry, rollout, training } from '@everloop/contracts';
import { describe, expect, it } from 'vitest';
import { whyChain, type WhyEvents } from './chain.ts';
import { noCounts } from './counts.ts';
import { whyJson } from './json.ts';
import type { Why } from './read.ts';
import { whyText } from './text.ts';

const day = 86_400_000;
const policy = drift.DriftPolicy.fromPartial({
  ...{ significance: 0.01, psi: 0.1, minDriftedFields: 2, raiseWindows: 2, raiseOf: 3, planId: 'plan-of-version-2' },
});
const field = (name: string, psi: number, drifted: boolean): drift.FieldDrift =>
  drift.FieldDrift.fromPartial({
    ...{ field: name, psi, psiCritical: 0.02, drifted, qValue: drifted ? 0 : 0.4, missingRatio: 0.012 },
    ...(drifted ? { ksStatistic: 0.2 } : {}),
  });
const report = drift.DriftReport.fromPartial({
  ...{ id: 'r', baselineVersion: '2', windowStartMs: 7 * day, windowEndMs: 14 * day, rows: 6_012, predictions: 6_012 },
  ...{ verdict: drift.DriftVerdict.DRIFTED, score: 0.034, referenceRows: 42_000, carried: 1, lateRows: 3, units: 5 },
  fields: [field('calm', 0.05, false), ...['a', 'b', 'c', 'd', 'e'].map((name, i) => field(name, 0.3 + i / 10, true))],
});
const requested = drift.Decision.fromPartial({
  ...{ id: 'd', reportId: 'r', requestId: 'q', eventTimeMs: 14 * day, monitor: 'weekly', kind: 'data', policy },
  ...{ outcome: drift.RetrainOutcome.REQUESTED, reason: 'retraining requested: temp moved', correlationId: 'flow' },
  ...{ alarm: true, alarmSinceMs: 14 * day, driftedWindows: 2, windows: 3, budgetSpent: 1, budgetAllowed: 2 },
  ...{ coolDownUntilMs: 10 * day, backOff: 2 },
  preconditions: [
    { name: 'rollout', holds: true, detail: 'none in progress' },
    { name: 'labelled-rows', holds: false, detail: '7 since, 100 are required' },
  ],
});
const quiet = drift.Decision.fromPartial({
  ...{ id: 'n', reportId: 'x', eventTimeMs: 7 * day, monitor: 'weekly', kind: 'data', policy },
  ...{ outcome: drift.RetrainOutcome.NONE, reason: 'no alarm: 0 of the last 1 windows drifted' },
});
const gate = training.Gate.fromPartial({ name: 'auc', verdict: 'pass', detail: '0.71 against 0.70' });
const job = training.JobEvent.fromPartial({
  ...{ jobId: 'j', requestId: 'q', state: training.JobState.SUCCEEDED, version: '3', versionStage: 'approved' },
  ...{ rows: 5_000, gates: [gate] },
});
const step = (n: number, action: string, canaryWeight: number, reason = ''): rollout.RolloutStep =>
  rollout.RolloutStep.fromPartial({ id: `s${n}`, version: '3', action, canaryWeight, reason, eventTimeMs: n * day });
const events: WhyEvents = {
  ...{ decisions: [quiet, requested], reports: [report], quality: [] },
  plans: [
    drift.AlarmPlan.fromPartial({
      ...{ id: 'plan-of-version-2', status: 'calibrated', falseRetrainings: 0.25, allowed: 2, periodMs: 90 * day },
    }),
  ],
  requests: [training.RetrainingRequested.fromPartial({ id: 'q', trigger: 'drift' })],
  jobs: [job],
  versions: [
    registry.VersionChanged.fromPartial({
      id: 'v',
      version: { version: '3', stage: 'approved' },
      eventTimeMs: 15 * day,
    }),
  ],
  steps: [step(16, 'canary', 0.1), step(17, 'held', 0.1), step(18, 'held', 0.1), step(19, 'promoted', 0, 'no worse')],
};
const why = (of: WhyEvents, more: Partial<Why> = {}): Why => ({
  ...{ model: 'delay', monitors: ['weekly'], counts: { ...noCounts(), requested: 1, none: 1 }, isWantedOnly: false },
  entries: whyChain(of, { sinceMs: 0, untilMs: Infinity, limit: 10 }),
  ...more,
});

describe('whyText', () => {
  it('tells a retraining from the window to its rollout on one screen', () => {
    expect(whyText(why(events))).toMatchInlineSnapshot(`
      "delay: all 2 decisions, 1970-01-08 to 1970-01-15 (event time, UTC), newest first
      1 asked for a retraining, 0 deferred, 0 suppressed, 1 nothing to do

      1970-01-15 00:00  REQUESTED  weekly, data: retraining requested: temp moved
        window     1970-01-08 to 1970-01-15: drifted, score 0.034; 6 012 rows of 5 units against version 2, its 42 000 training rows; 1 windows carried over; 3 rows came too late
        fields     FIELD  DRIFT    PSI    BY CHANCE  KS     Q        MISSING  OF SCORE
                   e      drifted  0.700  0.020      0.200  < 0.001  1.2 %    0.000
                   d      drifted  0.600  0.020      0.200  < 0.001  1.2 %    0.000
                   c      drifted  0.500  0.020      0.200  < 0.001  1.2 %    0.000
                   b      drifted  0.400  0.020      0.200  < 0.001  1.2 %    0.000
                   a      drifted  0.300  0.020      0.200  < 0.001  1.2 %    0.000
                   and 1 more
        policy     PSI ≥ 0.1 and q ≤ 0.01 in 2 fields; 2 of 3 windows raise; plan plan-of-vers (calibrated: 0.25 of 2 false retrainings in 90d)
        alarm      up since 1970-01-15; 2 of the last 3 windows drifted, 0 calm in a row
        cool-down  until 1970-01-11, 2 times as long after versions that failed
        budget     1 left: 1 of 2 false retrainings
        requires   ok  rollout: none in progress
                   NOT labelled-rows: 7 since, 100 are required
        request    q
        training   gave version 3 from 5000 rows, approved
        gates      pass         auc: 0.71 against 0.70
        version    3: approved 1970-01-16
        rollout    1970-01-17 canary 10 %
                   1970-01-18 held (2 times)
                   1970-01-20 promoted: no worse

      1970-01-08 00:00  nothing    weekly, data: no alarm: 0 of the last 1 windows drifted"
    `);
  });

  it('has all numbers of what was not asked for as well when they are wanted', () => {
    expect(whyText(why({ ...events, decisions: [quiet] }), { full: true })).toContain('alarm   down; 0 of the last 0');
  });

  it('rounds what is a share, and says what is estimated', () => {
    const decisions = [{ ...requested, backOff: 30 / 7 }];
    const text = whyText(why({ ...events, decisions, reports: [{ ...report, units: 6_400 }] }));
    expect(text).toContain('cool-down  until 1970-01-11, 4.3 times as long after');
    expect(text).toContain('6 012 rows of about 6 400 units');
  });

  it('says how many more there are', () => {
    const counts = { requested: 1, deferred: 2, suppressed: 3, none: 4, others: 5 };
    expect(whyText(why(events, { counts })).split('\n').slice(0, 2)).toEqual([
      'delay: the newest 2 of 15 decisions, 1970-01-08 to 1970-01-15 (event time, UTC), newest first',
      '1 asked for a retraining, 2 deferred, 3 suppressed, 4 nothing to do, 5 retrainings for other reasons',
    ]);
  });

  it('says what is left out when only what wanted a retraining is asked for', () => {
    const counts = { requested: 1, deferred: 2, suppressed: 3, none: 4, others: 5 };
    const of = { ...events, decisions: [requested] };
    expect(
      whyText(why(of, { counts, isWantedOnly: true }))
        .split('\n')
        .slice(0, 2),
    ).toEqual([
      'delay: the newest 1 of 11 decisions that wanted a retraining, 1970-01-15 to 1970-01-15 (event time, UTC), newest first',
      '1 asked for a retraining, 2 deferred, 3 suppressed, 4 nothing to do (not shown), 5 retrainings for other reasons',
    ]);
  });

  it.each<[string, Partial<Why>, RegExp]>([
    ['no Monitor', { monitors: [] }, /no Monitor watches it; apply one/],
    ['no window yet', {}, /nothing was decided in this period; weekly decides whenever a window/],
    ['no window yet, of which something is wanted', { isWantedOnly: true }, /weekly decides whenever a window/],
    [
      'nothing that is wanted',
      { isWantedOnly: true, counts: { ...noCounts(), none: 7 } },
      /no retraining was wanted in this period; 7 decisions to do nothing are shown without --wanted/,
    ],
  ])('says why there is nothing: %s', (_, more, expected) => {
    expect(whyText(why(events, { counts: noCounts(), entries: [], ...more }))).toMatch(expected);
  });

  it('has labels, and reports and requests that are not in the log any more', () => {
    const of = { ...requested, reportId: 'labels', kind: 'performance' };
    const quality = drift.QualityReport.fromPartial({
      ...{ id: 'labels', modelVersion: '2', labelled: 900, predictions: 1_000, slice: 'carrier == "AA"' },
      ...{ observed: 0.61, lower: 0.6, upper: 0.62, expected: 0.5, maxExcess: 0.05, changes: ['adwin'] },
      ...{ windowEndMs: 7 * day, verdict: drift.DriftVerdict.DRIFTED },
    });
    const text = whyText(why({ ...events, decisions: [of], quality: [quality] }));
    expect(text).toContain('log loss 0.6100 [0.6000, 0.6200], version 2 promised 0.5000, at most 0.0500 more is fine');
    expect(text).toContain('where carrier == "AA": drifted');
    expect(text).toContain('900 of 1 000 labelled; changed, say adwin');
    const lost = whyText(why({ ...events, decisions: [of], requests: [], jobs: [] }));
    expect(lost).toContain('labels is not in the log any more');
  });

  it.each([
    [[], 'the trainer has not taken it up yet'],
    [[{ ...job, state: training.JobState.STARTED }], 'runs since 1970-01-01 (job j)'],
    [[{ ...job, state: training.JobState.FAILED, reason: 'out of memory' }], 'FAILED (job j): out of memory'],
    [[{ ...job, state: training.JobState.SKIPPED, reason: 'coalesced' }], 'skipped: coalesced'],
  ])('says how far a request has come: %#', (jobs, expected) => {
    expect(whyText(why({ ...events, jobs }))).toContain(`training   ${expected}`);
  });
});

describe('whyJson', () => {
  it('puts together the events as they are in their topics', () => {
    const json = JSON.parse(JSON.stringify(whyJson(why(events)))) as { readonly decisions: readonly unknown[] };
    expect(json).toMatchObject({
      ...{ model: 'delay', monitors: ['weekly'], counts: { requested: 1, none: 1 } },
      decisions: [
        {
          ...{ time: '1970-01-15T00:00:00.000Z', outcome: 'requested', trigger: 'drift', correlationId: 'flow' },
          ...{ decision: { id: 'd', budgetAllowed: 2 }, report: { id: 'r' }, qualityReport: null },
          ...{ plan: { status: 'calibrated' }, request: { id: 'q' }, jobs: [{ version: '3' }] },
          ...{ versions: [{ id: 'v' }], steps: [{}, {}, {}, { action: 'promoted' }] },
        },
        { outcome: 'none', report: null, request: null, jobs: [] },
      ],
    });
  });
});
