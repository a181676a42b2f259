import { drift, registry, rollout, training } from '@everloop/contracts';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { whyChain, type WhyEvents } from './chain.ts';
import { newestOf, type Period } from './newest.ts';

const all: Period = { sinceMs: -Infinity, untilMs: Infinity, limit: 10 };
const none: WhyEvents = {
  ...{ decisions: [], reports: [], quality: [], plans: [], requests: [], jobs: [], versions: [], steps: [] },
};
const decision = (id: string, eventTimeMs: number, more: Partial<drift.Decision> = {}): drift.Decision =>
  drift.Decision.fromPartial({ id, eventTimeMs, reportId: `r-${id}`, ...more });
const request = (id: string, trigger: string, eventTimeMs = 0): training.RetrainingRequested =>
  training.RetrainingRequested.fromPartial({ id, trigger, eventTimeMs });
const job = (requestId: string, state: training.JobState, version = ''): training.JobEvent =>
  training.JobEvent.fromPartial({ jobId: `j-${requestId}`, requestId, state, version });

describe('whyChain', () => {
  it('has every decision once, newest first, with the report that it is about', () => {
    const decisions = [decision('a', 1), decision('b', 3), decision('c', 2), decision('a', 1)];
    const reports = [drift.DriftReport.fromPartial({ id: 'r-a', rows: 7 })];
    const quality = [drift.QualityReport.fromPartial({ id: 'r-b', labelled: 8 })];
    const chain = whyChain({ ...none, decisions, reports, quality }, all);
    expect(chain.map((one) => [one.decision?.id, one.report?.rows, one.quality?.labelled])).toEqual([
      ['b', undefined, 8],
      ['c', undefined, undefined],
      ['a', 7, undefined],
    ]);
  });

  it('follows a request to its job, the stages of its version and its rollout, in event time', () => {
    const stage = (id: string, version: string, eventTimeMs: number) =>
      registry.VersionChanged.fromPartial({ id, version: { model: 'm', version, stage: id }, eventTimeMs });
    const step = (id: string, version: string, eventTimeMs: number) =>
      rollout.RolloutStep.fromPartial({ id, version, action: id, eventTimeMs });
    const [entry] = whyChain(
      {
        ...none,
        decisions: [decision('a', 1, { requestId: 'q', policy: drift.DriftPolicy.fromPartial({ planId: 'p' }) })],
        plans: [drift.AlarmPlan.fromPartial({ id: 'p', allowed: 1 })],
        requests: [request('q', 'drift')],
        jobs: [
          ...[job('q', training.JobState.STARTED), job('other', training.JobState.SUCCEEDED, '3')],
          ...[job('q', training.JobState.SUCCEEDED, '2'), job('q', training.JobState.SUCCEEDED, '2')],
        ],
        versions: [stage('production', '2', 9), stage('approved', '2', 5), stage('approved-3', '3', 5)],
        steps: [step('promoted', '2', 9), step('canary', '2', 6), step('canary', '2', 6), step('canary-3', '3', 6)],
      },
      all,
    );
    expect(entry?.request?.id).toBe('q');
    expect(entry?.plan?.allowed).toBe(1);
    expect(entry?.jobs.map(({ state }) => state)).toEqual(['JOB_STATE_STARTED', 'JOB_STATE_SUCCEEDED']);
    expect(entry?.versions.map(({ id }) => id)).toEqual(['approved', 'production']);
    expect(entry?.steps.map(({ id }) => id)).toEqual(['canary', 'promoted']);
  });

  it('has retrainings that no Monitor decided, and none of drift twice', () => {
    const chain = whyChain(
      {
        ...none,
        decisions: [decision('a', 5, { requestId: 'q1' })],
        requests: [request('q1', 'drift', 5), request('q2', 'rows', 1), request('q3', 'manual', 9)],
        jobs: [job('q2', training.JobState.SKIPPED)],
      },
      all,
    );
    expect(chain.map((one) => [one.decision?.id ?? one.request?.trigger, one.jobs.length])).toEqual([
      ['manual', 0],
      ['a', 0],
      ['rows', 1],
    ]);
  });
});

describe('newestOf', () => {
  test.each<[string, Partial<Period>, number[]]>([
    ['all', {}, [3, 2, 1]],
    ['from its beginning on, without its end', { sinceMs: 1, untilMs: 3 }, [2, 1]],
    ['the newest so many', { limit: 1 }, [3]],
  ])('keeps %s', (_, period, expected) => {
    const newest = newestOf<number>({ ...all, ...period }, (one) => one);
    for (const one of [2, 3, 1]) newest.add(one);
    expect(newest.list()).toEqual(expected);
  });

  it('is what sorting all of them would give, later ones first among equals', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 9 })), fc.integer({ min: 1, max: 5 }), (times, limit) => {
        const items = times.map((atMs, order) => ({ atMs, order }));
        const newest = newestOf<(typeof items)[number]>({ ...all, limit }, ({ atMs }) => atMs);
        for (const item of items) newest.add(item);
        const sorted = items.toSorted((a, b) => b.atMs - a.atMs || b.order - a.order);
        expect(newest.list()).toEqual(sorted.slice(0, limit));
      }),
    );
  });
});
