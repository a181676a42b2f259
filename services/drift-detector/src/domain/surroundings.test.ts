import { outcomes, quality, rollout, topics, training } from '@everloop/contracts';
import { noFacts } from '@everloop/drift';
import { describe, expect, test } from 'vitest';
import { createSurroundings, factsOf, hear, type Surroundings } from './surroundings.ts';

const hour = 3_600_000;
const { STARTED, SUCCEEDED, FAILED, SKIPPED } = training.JobState;
const { OPEN, CLOSED } = quality.HoldState;

const requested = (id: string, model = 'm') => ({
  ...{ topic: topics.retrainingRequested, key: model },
  json: training.RetrainingRequested.toJSON(training.RetrainingRequested.fromPartial({ id, model, trigger: 'drift' })),
});
const job = (requestId: string, state: training.JobState, more: Partial<training.JobEvent> = {}) => ({
  ...{ topic: topics.trainingJob, key: 'm' },
  json: training.JobEvent.toJSON(
    training.JobEvent.fromPartial({
      requestId,
      jobId: `job-${requestId}`,
      model: 'm',
      trigger: 'drift',
      state,
      ...more,
    }),
  ),
});
const step = (action: string, version = '2') => ({
  ...{ topic: topics.rolloutStep, key: 'm' },
  json: rollout.RolloutStep.toJSON(rollout.RolloutStep.fromPartial({ model: 'm', version, action, canaryWeight: 0.1 })),
});
const hold = (more: Partial<quality.Hold>) => ({
  ...{ topic: topics.qualityHold, key: 'h' },
  json: quality.Hold.toJSON(
    quality.Hold.fromPartial({
      ...{ id: 'h', source: 's', window: 'day', rules: ['rows'], openedAtMs: 5 * hour, state: OPEN },
      ...more,
    }),
  ),
});
const stats = (hourMs: number, labelled: number, more: Partial<outcomes.OutcomeStats> = {}) => ({
  ...{ topic: topics.outcomeStats, key: 'm' },
  json: outcomes.OutcomeStats.toJSON(
    outcomes.OutcomeStats.fromPartial({ model: 'm', modelVersion: '1', arm: 'champion', hourMs, labelled, ...more }),
  ),
});

function heard(...records: readonly Parameters<typeof hear>[1][]): Surroundings {
  const known = createSurroundings();
  for (const record of records) hear(known, record);
  return known;
}
const facts = (known: Surroundings, atMs = 10 * hour) => factsOf(known, { model: 'm', sources: ['s'], atMs });

test('of what nobody has said nothing is known', () => {
  expect(facts(heard())).toEqual(noFacts);
});

describe('retrainings', () => {
  test.each([
    ['asked for', [requested('a')], ['request a (drift) has not ended'], undefined],
    ['running', [requested('a'), job('a', STARTED)], ['job job-a (drift) runs'], undefined],
    ['approved', [requested('a'), job('a', SUCCEEDED, { versionStage: 'approved' })], [], 'approved'],
    ['rejected', [job('a', STARTED), job('a', SUCCEEDED, { versionStage: 'rejected' })], [], 'rejected'],
    ['failed', [requested('a'), job('a', FAILED)], [], 'none'],
    ['skipped', [requested('a'), job('a', SKIPPED)], [], 'none'],
    ['ended before it was heard of', [job('a', SKIPPED), requested('a'), job('a', STARTED)], [], 'none'],
    ['of another model', [requested('a', 'other')], [], undefined],
  ] as const)('%s', (_, records, training, end) => {
    const known = facts(heard(...records));
    expect(known.training).toEqual(training);
    expect(known.ends.get('a')).toBe(end);
  });
});

test.each([
  ['canary', 'version 2 is on trial (canary, weight 0.1)'],
  ['held', 'version 2 is on trial (held, weight 0.1)'],
  ['promoted', null],
  ['rolled-back', null],
])('a rollout that is %s', (action, expected) => {
  expect(facts(heard(step('canary'), step(action))).rollout).toBe(expected);
});

test('what happens at the event time of the decision does not count: it may be written before or after', () => {
  const at = (record: ReturnType<typeof step> | ReturnType<typeof job>, eventTimeMs: number) => ({
    ...record,
    json: { ...(record.json as object), eventTimeMs },
  });
  const known = heard(at(step('canary'), 9 * hour), at(step('promoted'), 10 * hour), at(job('a', STARTED), 10 * hour));
  expect(facts(known, 10 * hour)).toMatchObject({
    rollout: 'version 2 is on trial (canary, weight 0.1)',
    training: [],
  });
  expect(facts(known, 11 * hour)).toMatchObject({ rollout: null, training: ['job job-a (drift) runs'] });
});

describe('holds', () => {
  const open = ['hold h of s/day (rows)'];
  test.each([
    ['open', {}, 10, open],
    ['not open yet', {}, 4, []],
    ['of a Source that no training reads', { source: 'other' }, 10, []],
    ['ended', { state: CLOSED, closedAtMs: 8 * hour }, 8, []],
    ['not ended by then', { state: CLOSED, closedAtMs: 8 * hour }, 7, open],
  ])('%s', (_, more, atHour, expected) => {
    expect(facts(heard(hold(more)), atHour * hour).holds).toEqual(expected);
  });

  test('that were deleted are gone, and how far a Source is judged is none', () => {
    const judged = { topic: topics.qualityHold, key: 'judged/s', json: { source: 's', watermarkMs: 1 } };
    expect(facts(heard(hold({}), { topic: topics.qualityHold, key: 'h', json: null }, judged)).holds).toEqual([]);
  });
});

describe('labelled rows', () => {
  test('count since the training of the champion, once each', () => {
    const trained = job('a', SUCCEEDED, { version: '2', versionStage: 'approved', eventTimeMs: 3 * hour });
    const rows = [stats(2 * hour, 5), stats(3 * hour, 10), stats(3 * hour, -1), stats(4 * hour, 20)];
    const others = [
      stats(4 * hour, 99, { slice: 'jfk' }),
      stats(4 * hour, 99, { arm: 'shadow' }),
      stats(4 * hour, 9, { model: 'x' }),
    ];
    expect(facts(heard(...rows, ...others)).labelledRows).toBe(34);
    expect(facts(heard(trained, step('promoted'), ...rows, ...others)).labelledRows).toBe(29);
  });
});

test('what is no record of its topic is said', () => {
  expect(() => heard({ topic: topics.trainingJob, key: 'm', json: { state: 3.5 } })).toThrow('3.5');
  expect(() => heard({ topic: topics.rolloutStep, key: 'm', json: undefined })).toThrow();
});
