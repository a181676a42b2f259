import { registry, rollout, training } from '@everloop/contracts';
import { describe, expect, it } from 'vitest';
import { controlChecks, type ControlEvents } from './control.ts';

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
const approved = registry.VersionChanged.fromPartial({ version: { model: 'm', version: '1', stage: 'approved' } });
const rejected = registry.VersionChanged.fromPartial({ version: { model: 'm', version: '2', stage: 'rejected' } });
const route = (over: Partial<rollout.Route>): rollout.Route =>
  rollout.Route.fromPartial({ model: 'm', revision: '1', championVersion: '1', ...over });
const challenger = (version: string, to: number) => ({ version, ranges: [{ from: 0, to }] });
const step = (action: string, version: string): rollout.RolloutStep =>
  rollout.RolloutStep.fromPartial({ model: 'm', version, action });
const request = (id: string): training.RetrainingRequested => training.RetrainingRequested.fromPartial({ id });
const job = (requestId: string, state: training.JobState): training.JobEvent =>
  training.JobEvent.fromPartial({ requestId, state });
const failed = (events: Partial<ControlEvents>, answeredBy: string[] = []): string[] =>
  controlChecks({ ...none, versions: [approved, rejected], ...events }, answeredBy)
    .filter(({ ok }) => !ok)
    .map(({ detail }) => detail);

describe('controlChecks', () => {
  it('accepts a quiet loop and a working one', () => {
    expect(failed({})).toEqual([]);
    const events = {
      requests: [request('a')],
      jobs: [job('a', training.JobState.STARTED), job('a', training.JobState.SUCCEEDED)],
      routes: [route({}), route({ revision: '2', challengers: [challenger('1', 100_000)] })],
      steps: [step('promoted', '1'), step('rolled-back', '2')],
    };
    expect(failed(events, ['m/1'])).toEqual([]);
  });

  it.each([
    ['a request without an end', { requests: [request('a')] }, 'request a ended 0 times'],
    [
      'a request with two ends',
      { requests: [request('a')], jobs: [job('a', training.JobState.FAILED), job('a', training.JobState.SKIPPED)] },
      'request a ended 2 times',
    ],
    ['a canary that was rejected', { steps: [step('canary', '2')] }, 'canary of m/2, which was never approved'],
    ['a champion that was rejected', { routes: [route({ championVersion: '2' })] }, 'champion 2 was never approved'],
    ['weights over one', { routes: [route({ challengers: [challenger('1', 1_500_000)] })] }, 'take 1.5 of'],
    [
      'a challenger that was rejected',
      { routes: [route({ challengers: [challenger('2', 1)] })] },
      'challenger 2 was never approved',
    ],
    [
      'a route that goes back',
      { routes: [route({ revision: '3' }), route({ revision: '2' })] },
      'revision 2 follows revision 3',
    ],
  ])('finds %s', (_name, events, said) => {
    expect(failed(events).join()).toContain(said);
  });

  it('finds answers of a version that was never approved', () => {
    expect(failed({}, ['m/2'])).toEqual(['m/2 answered, but was never approved']);
  });
});
