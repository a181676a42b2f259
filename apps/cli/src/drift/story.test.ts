import { drift, rollout, training } from '@everloop/contracts';
import { describe, expect, it } from 'vitest';
import type { Quality } from '../report/types.ts';
import { driftStory, type StoryInput } from './story.ts';

const day = 86_400_000;
const quality: Quality = {
  ...{ rows: 10, positives: 5, aucServed: 0.8, aucNeverRetrained: 0.7 },
  ...{ logLossServed: 0.5, logLossNeverRetrained: 0.6 },
};

const report = (n: number, more: Partial<drift.DriftReport> = {}): drift.DriftReport =>
  drift.DriftReport.fromPartial({
    ...{ id: `r${n}`, model: 'm', monitor: 'weekly', baselineVersion: '1', rows: 100 },
    ...{ windowStartMs: n * day, windowEndMs: (n + 1) * day, verdict: drift.DriftVerdict.STABLE, reason: 'calm' },
    ...more,
  });

const input = (more: Partial<StoryInput> = {}): StoryInput => ({
  ...{ model: 'm', reports: [report(1), report(0)], decisions: [], requests: [], steps: [] },
  quality: () => quality,
  ...more,
});

describe('driftStory', () => {
  it('puts windows in order, each with its decision and the quality of its predictions; a repeated report counts once', () => {
    const asked: number[][] = [];
    const decision = drift.Decision.fromPartial({
      ...{ reportId: 'r1', outcome: drift.RetrainOutcome.SUPPRESSED, reason: 'in cool-down', alarm: true },
    });
    const story = driftStory(
      input({
        reports: [report(1, { verdict: drift.DriftVerdict.DRIFTED }), report(0), report(0)],
        decisions: [decision],
        quality: (...span) => {
          asked.push(span);
          return quality;
        },
      }),
    );
    expect(story?.windows.map(({ startMs, verdict, decision: decided }) => [startMs / day, verdict, decided])).toEqual([
      [0, 'stable', null],
      [1, 'drifted', { outcome: 'suppressed', reason: 'in cool-down', isAlarm: true }],
    ]);
    expect(asked).toEqual([
      [0, day],
      [day, 2 * day],
    ]);
  });

  it('tells of one monitor: the one that was asked for, else the one with the most windows', () => {
    const reports = [report(0), report(1), report(2, { monitor: 'daily' }), report(3, { model: 'other' })];
    expect(driftStory(input({ reports }))).toMatchObject({ monitor: 'weekly', windows: [{}, {}] });
    expect(driftStory(input({ reports, monitor: 'daily' }))?.windows).toHaveLength(1);
    expect(driftStory(input({ reports, monitor: 'hourly' }))).toBeNull();
  });

  it('has the promotions of its model, the requests of its Monitor, and the limits that counted', () => {
    const step = (model: string, action: string): rollout.RolloutStep =>
      rollout.RolloutStep.fromPartial({ model, action, version: '2', eventTimeMs: 5 });
    const request = (model: string, trigger: string, causeId: string): training.RetrainingRequested =>
      training.RetrainingRequested.fromPartial({ model, trigger, causeId, eventTimeMs: 7, reason: 'why' });
    const decisions = ['weekly', 'daily'].map((monitor) => drift.Decision.fromPartial({ id: `d-${monitor}`, monitor }));
    const limited = (n: number, psi: number): drift.DriftReport =>
      report(n, { policy: drift.DriftPolicy.fromPartial({ psi }) });
    const story = driftStory(
      input({
        reports: [limited(0, 0.2), limited(1, 0.01), limited(2, 0.01)],
        decisions,
        steps: [step('m', 'promoted'), step('m', 'canary'), step('other', 'promoted')],
        requests: [
          ...[request('m', 'drift', 'd-weekly'), request('m', 'drift', 'd-daily')],
          ...[request('m', 'rows', ''), request('other', 'drift', 'd-weekly')],
        ],
      }),
    );
    expect(story).toMatchObject({
      psiLimits: { least: 0.01, usual: 0.01, most: 0.2 },
      ...{ promotions: [{ version: '2', atMs: 5 }], requests: [{ atMs: 7, reason: 'why' }] },
    });
  });
});
