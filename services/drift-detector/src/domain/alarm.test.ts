import { drift } from '@everloop/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { alarmKey, decodeAlarm, encodeAlarm, takeAlert, type Alarm } from './alarm.ts';

const alert = (over: Partial<drift.DriftAlert> = {}): drift.DriftAlert =>
  drift.DriftAlert.fromPartial({
    ...{ id: 'a1', model: 'm', monitor: 'watch', kind: 'data', severity: 'ticket', fields: ['temp'], reportId: 'r1' },
    ...{ eventTimeMs: 2_000, startedAtMs: 1_000, message: 'temp', modelVersion: '3' },
    ...over,
  });
const up = (over: Partial<drift.DriftAlert> = {}, raisedAtMs = 50): ReadonlyMap<string, Alarm> =>
  new Map([[alarmKey(alert(over)), { alert: alert(over), raisedAtMs }]]);

describe('what an alert changes', () => {
  test('the first raises an alarm', () => {
    const change = takeAlert(new Map(), alert(), 70);
    expect(change).toEqual({
      key: 'm/watch/data',
      alarm: { alert: alert(), raisedAtMs: 70 },
      notices: [{ alert: alert(), raisedAtMs: 70 }],
      ended: [],
    });
  });

  test('the next one of the same alarm keeps when it was raised and tells the newest text', () => {
    const next = alert({ id: 'a2', message: 'temp and wind' });
    const { alarm, notices, ended } = takeAlert(up(), next, 70);
    expect(alarm).toEqual({ alert: next, raisedAtMs: 50 });
    expect(notices).toEqual([alarm]);
    expect(ended).toEqual([]);
  });

  test('another severity ends the alarm that was up under the old one', () => {
    const { alarm, ended } = takeAlert(up(), alert({ severity: 'page' }), 70);
    expect(alarm).toMatchObject({ alert: { severity: 'page' }, raisedAtMs: 70 });
    expect(ended).toEqual([{ alert: alert(), raisedAtMs: 50 }]);
  });

  test('one that is over ends what was told, under the labels it was told with', () => {
    const over = alert({ id: 'a2', resolved: true, severity: 'ticket', startedAtMs: 0 });
    const { alarm, notices, ended } = takeAlert(up({ severity: 'page' }), over, 70);
    expect([alarm, notices]).toEqual([null, []]);
    expect(ended).toEqual([{ alert: { ...over, severity: 'page', startedAtMs: 1_000 }, raisedAtMs: 50 }]);
  });

  test('an end without a beginning is passed on', () => {
    const over = alert({ resolved: true });
    expect(takeAlert(new Map(), over, 70).ended).toEqual([{ alert: over, raisedAtMs: 70 }]);
  });

  test('alarms of other models, Monitors, kinds and slices are others', () => {
    const keys = [alert(), alert({ model: 'n' }), alert({ monitor: 'w' }), alert({ kind: 'performance' })].map(
      alarmKey,
    );
    expect(new Set([...keys, alarmKey(alert({ slice: 'jfk' }))]).size).toBe(5);
  });
});

describe('the text of an alarm', () => {
  test('comes back as it was', () => {
    const text = fc.string({ unit: 'grapheme' });
    fc.assert(
      fc.property(text, text, fc.boolean(), fc.array(text), fc.nat(), (message, kind, resolved, fields, raisedAtMs) => {
        const alarm = { alert: alert({ message, kind, resolved, fields }), raisedAtMs };
        expect(decodeAlarm(encodeAlarm(alarm))).toEqual(alarm);
      }),
    );
  });

  test.each(['', '{', '{}', '{"raisedAtMs":"1"}', 'null'])('%j is none', (text) => {
    expect(() => decodeAlarm(text)).toThrow();
  });
});
