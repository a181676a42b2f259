import { outcomes, serving, topics } from '@everloop/contracts';
import type { BusRecord, OutRecord, TaskContext } from '@everloop/kafka';
import { createLogger, createMetrics } from '@everloop/service';
import { describe, expect, test } from 'vitest';
import { ruleOf } from '../../test/fixtures.ts';
import { createTelemetry } from '../telemetry.ts';
import { decodeHeld } from '../domain/codec.ts';
import { createJoinTask, type Join, type JoinTask } from './join-task.ts';

const hour = 3_600_000;
const join: Join = {
  model: 'm',
  joinRule: ruleOf(),
  labelTopic: 'arrived.valid',
  labelFormat: { format: 'json' },
  rule: { key: 'id', field: 'delay', above: 15, decision: null, eventTime: 'at' },
  slices: [],
};
const telemetry = createTelemetry(createLogger({ service: 'test', level: 'silent' }), createMetrics('outcomes'));
const task = (stateMax = 100, over: Partial<Join> = {}): JoinTask =>
  createJoinTask({ join: { ...join, ...over }, partition: 1, stateMax, telemetry });

function context() {
  const out: OutRecord[] = [];
  const markers: [string, number, number | undefined][] = [];
  const value: TaskContext = {
    partition: 1,
    replaying: false,
    emit: (record) => void out.push(record),
    emitWatermark: (topic, watermarkMs, partition) => void markers.push([topic, watermarkMs, partition]),
  };
  return { out, markers, value };
}

function record(topic: string, value: Buffer | null, key: string | null = null): BusRecord {
  return {
    topic,
    partition: 1,
    offset: 5n,
    key: key === null ? null : Buffer.from(key),
    value,
    headers: {},
    timestampMs: 0,
  };
}

function served(
  id: string,
  joinKey: string,
  model = 'm',
  topic: string = topics.inferenceServed,
  learn = false,
): BusRecord {
  const inference = serving.Inference.fromPartial({
    decisionId: id,
    model,
    modelVersion: '1',
    championVersion: '1',
    arm: 'champion',
    joinKey,
    eventTimeMs: hour,
    score: 0.25,
    learn,
  });
  return record(topic, Buffer.from(serving.Inference.encode(inference).finish()));
}

const label = (id: string, delay: number | null): BusRecord =>
  record(join.labelTopic, Buffer.from(JSON.stringify({ id, delay, at: 3 * hour })));

const batch = (records: readonly BusRecord[]) => ({ topic: records[0]?.topic ?? '', partition: 1, records });

describe('the task of a partition', () => {
  test('writes outcome, sums and changelog; other models and unusable labels are left out', () => {
    const { out, value } = context();
    const one = task();
    void one.onRecords(batch([served('a', 'k'), served('x', 'k', 'other')]), value);
    expect(out.map(({ topic, key }) => [topic, key])).toEqual([
      [topics.outcomeStats, 'm'],
      [topics.outcomePending, 'a'],
    ]);
    expect(outcomes.OutcomeStats.fromJSON(JSON.parse(String(out[0]?.value)))).toMatchObject({
      ...{ predictions: 1, labelled: 0, hourMs: hour, predictedScores: { bins: [50], counts: [1] } },
    });
    out.length = 0;
    void one.onRecords(batch([label('k', 20), label('none', null), record(join.labelTopic, null)]), value);
    expect(out.map(({ topic, key, partition }) => [topic, key, partition])).toEqual([
      [topics.outcomeSettled, 'k', 1],
      [topics.outcomeStats, 'm', 0],
      [topics.outcomePending, 'a', 1],
      [topics.outcomePending, 'label/m/kk', 1],
    ]);
    expect(outcomes.Outcome.decode(out[0]?.value as Buffer)).toMatchObject({
      decisionId: 'a',
      kind: outcomes.OutcomeKind.LABELLED,
      label: 1,
      labelledAtMs: 3 * hour,
    });
    const stats = outcomes.OutcomeStats.fromJSON(JSON.parse(String(out[1]?.value)));
    expect(stats).toMatchObject({ model: 'm', labelled: 1, positives: 1, expired: 0, dayMs: 0, settledAtMs: 3 * hour });
    expect(decodeHeld(out[2]?.value as Buffer)).toMatchObject({ ending: { kind: 'labelled', label: 1 }, endings: 1 });
  });

  test('joins labels that are numbers, through its changelog too, and gives no rewards for them', () => {
    const { out, value } = context();
    const numbers = { rule: { ...join.rule, above: null } };
    const one = task(100, numbers);
    void one.onRecords(batch([served('a', 'k', 'm', topics.inferenceServed, true)]), value);
    void one.onRecords(batch([label('k', 20.5)]), value);
    expect(out.filter(({ topic }) => topic === topics.armStats)).toEqual([]);
    const settled = out.find(({ topic }) => topic === topics.outcomeSettled);
    expect(outcomes.Outcome.decode(settled?.value as Buffer)).toMatchObject({ label: 20.5, score: 0.25 });
    const stats = out.findLast(({ topic }) => topic === topics.outcomeStats);
    expect(outcomes.OutcomeStats.fromJSON(JSON.parse(String(stats?.value)))).toMatchObject({
      ...{ labelled: 1, logLossNano: 0 },
      errors: { rows: 1, absoluteMicro: 20_250_000 },
    });
    const held = out.findLast(({ key }) => key === 'a');
    expect(decodeHeld(held?.value as Buffer)).toMatchObject({ ending: { kind: 'labelled', label: 20.5 } });
  });

  test('passes the watermark on after the expiries', () => {
    const { out, markers, value } = context();
    const one = task();
    void one.onRecords(batch([served('a', 'k', 'm', topics.inferenceShadowed)]), value);
    void one.onWatermark?.(50 * hour, value);
    expect(out.map(({ topic }) => topic)).toEqual([
      topics.outcomeStats,
      topics.outcomePending,
      topics.outcomeSettled,
      topics.outcomeStats,
      topics.outcomePending,
    ]);
    expect(outcomes.Outcome.decode(out[2]?.value as Buffer).kind).toBe(outcomes.OutcomeKind.EXPIRED);
    expect(markers).toEqual([
      [topics.outcomeSettled, 50 * hour, undefined],
      [topics.outcomeStats, 50 * hour, 0],
    ]);
  });

  test('goes on from its changelog', () => {
    const before = context();
    const first = task();
    void first.onRecords(batch([served('a', 'k'), served('b', 'k2')]), before.value);
    void first.onRecords(batch([label('k', 0), label('early', 99)]), before.value);
    const newest = new Map(
      before.out.filter(({ topic }) => topic === topics.outcomePending).map((one) => [String(one.key), one]),
    );
    const changelog = [...newest.values()]
      .filter(({ value }) => value !== null)
      .map(({ key, value }) => record(topics.outcomePending, Buffer.from(value ?? ''), String(key)));
    const after = context();
    const second = task();
    second.restore(changelog);
    void second.onRecords(batch([served('a', 'k'), served('c', 'early')]), after.value);
    void second.onRecords(batch([label('k2', 0)]), after.value);
    const settled = after.out
      .filter(({ topic }) => topic === topics.outcomeSettled)
      .map(({ value }) => outcomes.Outcome.decode(value as Buffer));
    expect(settled.map(({ decisionId, label: value }) => [decisionId, value])).toEqual([
      ['c', 1],
      ['b', 0],
    ]);
  });

  test('counts what drawn versions earned, and goes on counting after a restart', () => {
    const before = context();
    const first = task();
    void first.onRecords(batch([served('a', 'k', 'm', topics.inferenceServed, true), served('b', 'k')]), before.value);
    void first.onRecords(batch([label('k', 0)]), before.value);
    void first.onRecords(batch([label('k', 0), label('k', 99)]), before.value);
    const armsOf = ({ out }: typeof before) =>
      out
        .filter(({ topic }) => topic === topics.armStats)
        .map(({ key, partition, value }) => ({
          ...{ key, partition, stats: outcomes.ArmStats.fromJSON(JSON.parse(String(value))) },
        }));
    const stats = {
      model: 'm',
      partition: 1,
      arm: '1',
      matured: 1,
      rewardNano: 937_500_000,
      rewardSquaredMicro: 878_906,
      basis: '',
    };
    expect(armsOf(before)).toEqual([{ key: 'm/1/1', partition: 0, stats }]);
    const changelog = before.out
      .filter(({ topic, value }) => topic === topics.outcomePending && value !== null)
      .map(({ key, value }) => record(topics.outcomePending, Buffer.from(value ?? ''), String(key)));
    const after = context();
    const second = task();
    second.restore(changelog.filter(({ key }) => String(key).includes('/')));
    void second.onRecords(batch([served('c', 'k2', 'm', topics.inferenceServed, true)]), after.value);
    void second.onRecords(batch([label('k2', 0)]), after.value);
    expect(armsOf(after)[0]?.stats).toEqual({
      ...stats,
      matured: 2,
      rewardNano: 1_875_000_000,
      rewardSquaredMicro: 1_757_812,
    });
  });

  test('refuses to hold more than allowed, and bytes that are no Inference', () => {
    const { value } = context();
    expect(() => task(1).onRecords(batch([served('a', 'k'), served('b', 'k2')]), value)).toThrow(
      /EVL_OUTCOMES_STATE_MAX/,
    );
    expect(() => task().onRecords(batch([record(topics.inferenceServed, Buffer.from([10, 200]))]), value)).toThrow(
      `record ${topics.inferenceServed}/1/5 is not what its topic holds`,
    );
  });
});
