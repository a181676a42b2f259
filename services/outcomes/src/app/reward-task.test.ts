import { decisions, outcomes, rewards, topics } from '@everloop/contracts';
import { partitionOfKey, type BusRecord, type OutRecord, type TaskContext } from '@everloop/kafka';
import { createLogger, createMetrics } from '@everloop/service';
import { describe, expect, test } from 'vitest';
import { createTelemetry } from '../telemetry.ts';
import { createRewardTask, type RewardTask } from './reward-task.ts';

const hour = 3_600_000;
const partition = 1;
const partitions = 4;
const telemetry = createTelemetry(createLogger({ service: 'test', level: 'silent' }), createMetrics('outcomes'));
const task = (stateMax = 100): RewardTask => createRewardTask({ partition, partitions, stateMax, telemetry });

/** An id whose partition is the given one. */
function idIn(wanted: number, name: string): string {
  for (let at = 0; ; at += 1) if (partitionOfKey(`${name}${at}`, partitions) === wanted) return `${name}${at}`;
}
const [one, two] = [idIn(partition, 'a'), idIn(partition, 'b')];

function context() {
  const out: OutRecord[] = [];
  const markers: [string, number][] = [];
  const value: TaskContext = {
    partition,
    replaying: false,
    emit: (record) => void out.push(record),
    emitWatermark: (topic, watermarkMs) => void markers.push([topic, watermarkMs]),
  };
  return { out, markers, value };
}

function record(topic: string, value: Buffer | null, key: string | null = null): BusRecord {
  const at = { topic, partition, offset: 5n, headers: {}, timestampMs: 50 };
  return { ...at, key: key === null ? null : Buffer.from(key), value };
}

function made(decisionId: string, action = ''): BusRecord {
  const decision = decisions.Decision.fromPartial({
    ...{ decisionId, model: 'm', modelVersion: '1', propensity: 0.5, learn: true },
    ...(action === '' ? {} : { choice: { action } }),
    rule: { waitMs: hour, defaultValue: 0, aggregate: 'earliest', min: 0, max: 2 },
  });
  return record(topics.decisionMade, Buffer.from(decisions.Decision.encode(decision).finish()));
}

const told = (decisionId: string, value: number): BusRecord =>
  record(topics.rewardReceived, Buffer.from(JSON.stringify({ decisionId, value })));
const batch = (...records: readonly BusRecord[]) => ({ topic: records[0]?.topic ?? '', partition, records });
const settledIn = (out: readonly OutRecord[]) =>
  out
    .filter(({ topic }) => topic === topics.rewardSettled)
    .map(({ value }) => rewards.RewardSettled.decode(value as Buffer));

describe('the task of a partition', () => {
  test('writes what was settled, what arms have earned, and its changelog', () => {
    const { out, markers, value } = context();
    const running = task();
    void running.onRecords(batch(made(one, 'left'), made(two)), value);
    expect(out.map(({ topic, key }) => [topic, key])).toEqual([
      [topics.rewardPending, `decision/${one}`],
      [topics.rewardPending, `decision/${two}`],
    ]);
    out.length = 0;
    void running.onRecords(batch(told(one, 1.5), record(topics.rewardReceived, Buffer.from('no'))), value);
    expect(settledIn(out)).toMatchObject([{ decisionId: one, state: rewards.RewardState.REWARDED, value: 1.5 }]);
    const stats = out.filter(({ topic }) => topic === topics.armStats);
    expect(stats.map(({ key, partition: to }) => [key, to])).toEqual([
      ['m/1/version/1', 0],
      ['m/1/action/left', 0],
    ]);
    expect(outcomes.ArmStats.fromJSON(JSON.parse(String(stats[1]?.value)))).toEqual({
      ...{ model: 'm', partition: 1, arm: 'left', basis: 'action', matured: 1 },
      ...{ rewardNano: 750_000_000, rewardSquaredMicro: 562_500 },
    });
    void running.onWatermark?.(hour + 1, value);
    expect(settledIn(out).at(-1)).toMatchObject({ decisionId: two, state: rewards.RewardState.DEFAULTED, value: 0 });
    expect(markers).toEqual([[topics.rewardSettled, hour + 1]]);
  });

  test('goes on from its changelog: a repeat is still one, and arms go on counting', () => {
    const before = context();
    const first = task();
    void first.onRecords(batch(made(one, 'left'), made(two, 'left')), before.value);
    void first.onRecords(batch(told(one, 1)), before.value);
    const newest = new Map(
      before.out.filter(({ topic }) => topic === topics.rewardPending).map((each) => [each.key, each]),
    );
    const second = task();
    second.restore(
      [...newest.values()].map(({ key, value }) =>
        record(topics.rewardPending, value === null ? null : Buffer.from(value), String(key)),
      ),
    );
    const after = context();
    void second.onRecords(batch(told(one, 1), told(two, 2)), after.value);
    expect(settledIn(after.out)).toMatchObject([{ decisionId: two, value: 2 }]);
    const stats = after.out.filter(({ key }) => key === 'm/1/action/left').at(-1);
    expect(JSON.parse(String(stats?.value))).toMatchObject({ matured: 2, rewardNano: 1_500_000_000 });
  });

  test('sends a reward on that lies in another partition than its decision', () => {
    const { out, value } = context();
    const stray = told(idIn(2, 'c'), 1);
    void task().onRecords(batch(stray), value);
    expect(out).toEqual([
      { topic: topics.rewardReceived, key: idIn(2, 'c'), value: stray.value, timestampMs: stray.timestampMs },
    ]);
  });

  test('refuses to hold more than allowed, and bytes that are no Decision', () => {
    const { value } = context();
    expect(() => task(1).onRecords(batch(made(one), made(two)), value)).toThrow(/EVL_OUTCOMES_STATE_MAX/);
    expect(() => task().onRecords(batch(record(topics.decisionMade, Buffer.from([10, 200]))), value)).toThrow(
      `record ${topics.decisionMade}/1/5 is not what its topic holds`,
    );
  });
});
