import { describe, expect, it } from 'vitest';
import { clockMinute, localTime, nextLocalClock, zoneOffsetMs } from './local-time.ts';

const utc = (text: string): number => Date.parse(`${text}:00Z`);

describe('zoneOffsetMs', () => {
  it.each([
    ['America/New_York', '2013-01-01T10:15', -5],
    ['America/New_York', '2013-07-01T10:15', -4],
    ['America/Phoenix', '2013-07-01T10:15', -7],
    ['Pacific/Honolulu', '2013-07-01T00:15', -10],
    ['America/Puerto_Rico', '2013-07-01T00:15', -4],
    ['America/New_York', '2013-03-10T06:59', -5],
    ['America/New_York', '2013-03-10T07:00', -4],
  ])('%s at %s is %d h', (zone, at, hours) => {
    expect(zoneOffsetMs(zone, utc(at))).toBe(hours * 3_600_000);
  });
});

describe('localTime', () => {
  it('gives the local day of a late departure', () => {
    expect(localTime('America/New_York', utc('2013-01-02T04:59'))).toEqual({
      date: '2013-01-01',
      minute: 1439,
      weekday: 2,
    });
  });
});

describe('nextLocalClock', () => {
  it.each([
    ['same zone, same day', 'America/New_York', '2013-01-01T10:17', 510, '2013-01-01T13:30'],
    ['over midnight', 'America/New_York', '2013-01-02T04:30', 10, '2013-01-02T05:10'],
    ['west: lands before it left by the clock', 'America/Chicago', '2013-01-01T15:00', 540 - 10, '2013-01-02T14:50'],
    ['west: an hour earlier by the clock', 'America/Chicago', '2013-01-01T15:00', 550, '2013-01-01T15:10'],
    ['over the start of summer time', 'America/New_York', '2013-03-10T06:30', 210, '2013-03-10T07:30'],
    ['the very minute is a day later', 'America/New_York', '2013-01-01T10:00', 300, '2013-01-02T10:00'],
  ])('%s', (_name, zone, after, minute, expected) => {
    expect(new Date(nextLocalClock(zone, utc(after), minute)).toISOString()).toBe(`${expected}:00.000Z`);
  });
});

describe('clockMinute', () => {
  it.each([
    [1, 1],
    [830, 510],
    [2359, 1439],
    [2400, 0],
  ])('%d is minute %d', (hhmm, minute) => {
    expect(clockMinute(hhmm)).toBe(minute);
  });
});
