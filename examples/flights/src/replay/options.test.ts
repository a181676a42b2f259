import { describe, expect, it } from 'vitest';
import { smallTables } from '../data/testing.ts';
import { createTimeline } from '../producer/timeline.ts';
import { readCommandLine, replayOptions } from './options.ts';

const timeline = createTimeline(
  smallTables([{ schedDepMs: Date.UTC(2013, 11, 31, 20), flight: 1, depDelay: 0, elapsed: 244, arrDelay: 0 }]),
);
const iso = (ms: number): string => new Date(ms).toISOString();

describe('readCommandLine', () => {
  it('has defaults', () => {
    expect(readCommandLine(['replay'])).toEqual({
      untilMs: null,
      stepMs: 43_200_000,
      speed: null,
      ahead: true,
      reportInput: null,
      dataFolder: null,
      outages: [],
    });
  });

  it('reads everything', () => {
    const args = ['replay', '--until', '2013-04-30', '--step-hours', '3', '--speed', '3600', '--no-ahead'];
    expect(readCommandLine([...args, '--report-input', 'counts.json'])).toMatchObject({
      untilMs: Date.UTC(2013, 4, 1),
      stepMs: 10_800_000,
      speed: 3600,
      ahead: false,
      reportInput: 'counts.json',
    });
  });

  it.each([
    [[], 'the one command is'],
    [['replay', '--until', 'May'], "--until is 'May'"],
    [['replay', '--until', '2013-13-01'], "--until is '2013-13-01'"],
    [['replay', '--step-hours', '24'], 'a number from 0.25 to 12'],
    [['replay', '--speed', 'fast'], "--speed is 'fast'"],
    [['replay', '--outage', 'rain'], "--outage is 'rain'"],
    [['replay', '--quick'], '--quick'],
  ])('refuses %j', (args, said) => {
    expect(() => readCommandLine(args)).toThrow(said);
  });
});

describe('replayOptions', () => {
  it('ends with the day asked for', () => {
    const options = replayOptions(readCommandLine(['replay', '--until', '2013-01-31']), timeline);
    expect([iso(options.fromMs), iso(options.untilMs)]).toEqual([
      '2012-12-31T00:00:00.000Z',
      '2013-02-01T00:00:00.000Z',
    ]);
  });

  it('goes on until every label has come or is given up', () => {
    const options = replayOptions(readCommandLine(['replay']), timeline);
    expect(iso(options.untilMs)).toBe('2014-01-03T12:00:00.000Z');
  });

  it('refuses a day before the data', () => {
    expect(() => replayOptions(readCommandLine(['replay', '--until', '2012-12-01']), timeline)).toThrow('data begins');
  });
});
