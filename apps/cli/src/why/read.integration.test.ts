import { drift, rollout, topics, training } from '@everloop/contracts';
import type { Bus, OutRecord } from '@everloop/kafka';
import { isolatedBus, testBus, uniqueName } from '@everloop/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readWhy } from './read.ts';

const day = 86_400_000;
let inner: Bus;
let bus: Bus;

const record = (topic: string, key: string, json: unknown): OutRecord => ({
  ...{ topic, partition: 0, key, value: JSON.stringify(json) },
});
const decision = (id: string, dayNumber: number, more: Partial<drift.Decision> = {}): OutRecord => {
  const of = { id, model: 'delay', monitor: 'weekly', reportId: `r-${id}`, eventTimeMs: dayNumber * day, ...more };
  return record(topics.driftDecision, of.model, drift.Decision.toJSON(drift.Decision.fromPartial(of)));
};

beforeAll(async () => {
  inner = await testBus();
  bus = isolatedBus(inner, uniqueName('why'));
  const names = [topics.driftDecision, topics.driftReport, topics.retrainingRequested, topics.trainingJob];
  await bus.ensureTopics([...names, topics.modelVersion, topics.rolloutStep].map((name) => ({ name, partitions: 1 })));
  const { NONE, REQUESTED, DEFERRED } = drift.RetrainOutcome;
  const report = drift.DriftReport.fromPartial({ id: 'r-c', model: 'delay', rows: 600 });
  const request = training.RetrainingRequested.fromPartial({ id: 'q', model: 'delay', trigger: 'drift' });
  const first = { ...request, id: 'q0', trigger: 'rows', eventTimeMs: 1 * day };
  const job = training.JobEvent.fromPartial({
    ...{ jobId: 'j', requestId: 'q', version: '2', state: training.JobState.SUCCEEDED },
  });
  const step = rollout.RolloutStep.fromPartial({ id: 's', version: '2', action: 'promoted' });
  const publisher = bus.publisher({ name: 'why-test' });
  await publisher.start();
  await publisher.publish([
    decision('a', 7, { outcome: NONE }),
    decision('b', 14, { outcome: DEFERRED }),
    decision('c', 21, { outcome: REQUESTED, requestId: 'q' }),
    decision('x', 21, { model: 'other', monitor: 'daily' }),
    record(topics.driftReport, 'delay', drift.DriftReport.toJSON(report)),
    record(topics.retrainingRequested, 'delay', training.RetrainingRequested.toJSON(first)),
    record(topics.retrainingRequested, 'delay', training.RetrainingRequested.toJSON(request)),
    record(topics.trainingJob, 'delay', training.JobEvent.toJSON(job)),
    record(topics.rolloutStep, 'delay', rollout.RolloutStep.toJSON(step)),
  ]);
  await publisher.stop();
});
afterAll(async () => await inner.stop());

describe('readWhy', () => {
  it('reads the decisions of one model with what came of them', async () => {
    const why = await readWhy(bus, { model: 'delay', limit: 10 });
    expect(why.entries.map(({ atMs, decision: of }) => [atMs / day, of?.id])).toEqual([
      [21, 'c'],
      [14, 'b'],
      [7, 'a'],
      [1, undefined],
    ]);
    expect(why.entries[0]).toMatchObject({
      ...{ report: { rows: 600 }, request: { id: 'q' }, jobs: [{ version: '2' }], steps: [{ action: 'promoted' }] },
    });
    expect(why).toMatchObject({
      monitors: ['weekly'],
      counts: { requested: 1, deferred: 1, suppressed: 0, none: 1, others: 1 },
    });
  });

  it('counts the period and shows the newest of it; a duration is before the newest decision', async () => {
    const why = await readWhy(bus, { model: 'delay', since: { kind: 'before', ms: 14 * day }, limit: 1 });
    expect(why.counts).toEqual({ requested: 1, deferred: 1, suppressed: 0, none: 1, others: 0 });
    expect(why.entries.map(({ decision: of }) => of?.id)).toEqual(['c']);
    const until = await readWhy(bus, { model: 'delay', untilMs: 21 * day, monitor: 'weekly', limit: 5 });
    expect(until.entries.map(({ decision: of }) => of?.id)).toEqual(['b', 'a']);
  });

  it('leaves out decisions to do nothing before it takes the newest, and counts them all the same', async () => {
    const why = await readWhy(bus, { model: 'delay', limit: 2, untilMs: 21 * day, isWantedOnly: true });
    expect(why.entries.map(({ decision: of, request }) => of?.id ?? request?.id)).toEqual(['b', 'q0']);
    expect(why.counts).toEqual({ requested: 0, deferred: 1, suppressed: 0, none: 1, others: 1 });
  });

  it('says what the nearest names are', async () => {
    await expect(readWhy(bus, { model: 'dely', limit: 1 })).rejects.toThrow(
      'there is no Model called "dely"; did you mean "delay"?; there are: delay, other',
    );
    await expect(readWhy(bus, { model: 'delay', monitor: 'weakly', limit: 1 })).rejects.toThrow(
      'there is no Monitor of "delay" called "weakly"; did you mean "weekly"?',
    );
  });
});
