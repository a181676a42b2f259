import { drift, topics } from '@everloop/contracts';
import type { BusRecord, OutRecord, TaskContext } from '@everloop/kafka';
import { ServiceError } from '@everloop/service';
import { describe, expect, test } from 'vitest';
import { alarmKey, type Notice } from '../domain/alarm.ts';
import type { NotifyTelemetry } from '../notify-telemetry.ts';
import { createNotifyTask, type NotifyTask } from './notify-task.ts';

const alert = (over: Partial<drift.DriftAlert> = {}): drift.DriftAlert =>
  drift.DriftAlert.fromPartial({
    ...{ id: 'a1', model: 'm', monitor: 'watch', kind: 'data', severity: 'ticket', message: 'temp' },
    ...over,
  });

/** A target, a clock and a broker's place for one task; `resendMs` null makes a target that hears everything once. */
function bench(resendMs: number | null) {
  const state = new Map<string, string>();
  const said: string[] = [];
  const heard: Notice[] = [];
  const clock = { nowMs: 1_000_000, tick: (): void => undefined, isRunning: false };
  const fault: { next: Error | null } = { next: null };
  const telemetry: NotifyTelemetry = {
    notified: (target, outcome, notices) => void said.push(`${target} ${outcome} ${notices}`),
    undelivered: (target, outcome, notices) => void said.push(`${target} ${outcome} ${notices.length}`),
  };
  const task = (): NotifyTask =>
    createNotifyTask({
      target: {
        name: 'other',
        async send(notices) {
          if (fault.next !== null) throw fault.next;
          heard.push(...notices);
        },
      },
      ...{ telemetry, resendMs, ageMsMax: 60_000, now: () => clock.nowMs },
      repeat(_, work) {
        Object.assign(clock, { tick: work, isRunning: true });
        return () => void (clock.isRunning = false);
      },
    });
  const context: TaskContext = {
    partition: 0,
    replaying: false,
    emit: ({ topic, key, value }: OutRecord) => {
      expect(topic).toBe(topics.driftState);
      if (value === null) state.delete(String(key));
      else state.set(String(key), String(value));
    },
    emitWatermark: () => undefined,
  };
  const take = (to: NotifyTask, one: drift.DriftAlert, timestampMs = clock.nowMs): void | Promise<void> =>
    to.onRecords(
      { topic: topics.driftAlert, partition: 0, records: [record('m', JSON.stringify(one), timestampMs)] },
      context,
    );
  const restored = (): NotifyTask => {
    const next = task();
    next.restore([...state].map(([key, value]) => record(key, value, 0)));
    return next;
  };
  return { state, said, heard, clock, fault, context, take, restored };
}

function record(key: string, value: string | null, timestampMs: number): BusRecord {
  return {
    ...{ topic: topics.driftAlert, partition: 0, offset: 7n, headers: {}, timestampMs },
    ...{ key: Buffer.from(key), value: value === null ? null : Buffer.from(value) },
  };
}

const away = new ServiceError({ code: 'EVL_TEST_AWAY', kind: 'retryable', message: 'away' });
const refused = new ServiceError({ code: 'EVL_TEST_REFUSED', kind: 'terminal', message: 'refused' });

describe('a target that forgets what is not said again', () => {
  test('hears of an alarm, hears it again, and hears its end', async () => {
    const { heard, clock, take, restored, state } = bench(10_000);
    const task = restored();
    await take(task, alert());
    expect(heard).toMatchObject([{ raisedAtMs: 1_000_000, endsAtMs: 1_030_000 }]);
    clock.nowMs += 10_000;
    clock.tick();
    await Promise.resolve();
    expect(heard[1]).toMatchObject({ raisedAtMs: 1_000_000, endsAtMs: 1_040_000 });
    await take(task, alert({ id: 'a2', resolved: true }));
    expect(heard[2]).toMatchObject({ alert: { resolved: true }, endsAtMs: 1_010_000 });
    clock.tick();
    expect(heard).toHaveLength(3);
    expect(state.size).toBe(0);
  });

  test('is told of what is up after a restart, by the next holder of the task alone', async () => {
    const { heard, clock, take, restored } = bench(10_000);
    const first = restored();
    await take(first, alert());
    first.settled?.(false);
    expect(clock.isRunning).toBe(false);
    clock.nowMs += 500_000;
    restored();
    await Promise.resolve();
    expect(clock.isRunning).toBe(true);
    expect(heard[1]).toMatchObject({ alert: { id: 'a1' }, raisedAtMs: 1_000_000, endsAtMs: 1_530_000 });
  });

  test('that is away keeps nothing waiting: what is up is said again later', async () => {
    const { heard, said, clock, fault, take, restored } = bench(10_000);
    const task = restored();
    fault.next = away;
    await take(task, alert());
    fault.next = null;
    clock.tick();
    await Promise.resolve();
    await Promise.resolve();
    expect(heard).toHaveLength(1);
    expect(said).toEqual(['other failed 1', 'other delivered 1']);
  });

  test('hears the end of the old severity when it changes', async () => {
    const { heard, take, restored } = bench(10_000);
    const task = restored();
    await take(task, alert());
    await take(task, alert({ id: 'a2', severity: 'page' }));
    expect(heard.slice(1).map((one) => [one.alert.severity, one.endsAtMs])).toEqual([
      ['ticket', 1_000_000],
      ['page', 1_030_000],
    ]);
  });
});

describe('a target that remembers', () => {
  test('hears everything once, and nothing again', async () => {
    const { heard, clock, take, restored } = bench(null);
    const task = restored();
    await take(task, alert());
    await take(task, alert({ id: 'a2', severity: 'page' }));
    await take(task, alert({ id: 'a3', resolved: true }));
    expect(heard.map((one) => [one.alert.id, one.alert.resolved])).toEqual([
      ['a1', false],
      ['a2', false],
      ['a3', true],
    ]);
    expect(clock.isRunning).toBe(false);
  });

  test('that is away is waited for: the batch fails and comes again', async () => {
    const { fault, said, take, restored } = bench(null);
    fault.next = away;
    await expect(take(restored(), alert())).rejects.toBe(away);
    expect(said).toEqual(['other failed 1']);
  });

  test('that refuses an alert for good is not asked again', async () => {
    const { fault, said, heard, take, restored } = bench(null);
    const task = restored();
    fault.next = refused;
    await take(task, alert());
    fault.next = null;
    await take(task, alert({ id: 'a2' }));
    expect(said).toEqual(['other refused 1', 'other delivered 1']);
    expect(heard).toHaveLength(1);
  });
});

test('old alerts are remembered and told to nobody', async () => {
  const { heard, said, state, take, restored } = bench(null);
  await take(restored(), alert(), 1_000_000 - 60_001);
  expect(heard).toEqual([]);
  expect(said).toEqual(['other stale 1']);
  expect([...state.keys()]).toEqual([`notify/other/${alarmKey(alert())}`]);
});

test('at most a thousand alarms are up: the first makes room', async () => {
  const { state, take, restored } = bench(10_000);
  const task = restored();
  for (let i = 0; i < 1_001; i += 1) await take(task, alert({ monitor: `w${i}` }));
  expect(state.size).toBe(1_000);
  expect(state.has('notify/other/m/w0/data')).toBe(false);
});

test('state of others is left alone, and an alert that is none stops the task with a code', async () => {
  const { state, heard, context, restored } = bench(10_000);
  state.set('quality/x', '{}');
  state.set('notify/another/m/w/data', 'not mine');
  const task = restored();
  expect(heard).toEqual([]);
  const bad = { topic: topics.driftAlert, partition: 0, records: [record('m', '{', 0)] };
  await expect(task.onRecords(bad, context)).rejects.toMatchObject({ code: 'EVL_DRIFT_UNDECODABLE' });
  const gone = { topic: topics.driftAlert, partition: 0, records: [record('m', null, 0)] };
  await expect(task.onRecords(gone, context)).resolves.toBeUndefined();
});
