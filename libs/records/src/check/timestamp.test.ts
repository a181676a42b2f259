import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseTimestamp } from './timestamp.ts';

describe('parseTimestamp', () => {
  it.each([
    ['2013-01-01T05:00:00-05:00', 1_357_034_400_000],
    ['2013-01-01t10:00:00z', 1_357_034_400_000],
    ['2013-01-01T10:00:00.250Z', 1_357_034_400_250],
    ['2012-02-29T00:00:00Z', 1_330_473_600_000],
    [0, 0],
    [-1, -1],
    ['2013-02-29T00:00:00Z', null],
    ['2013-04-31T00:00:00Z', null],
    ['2013-13-01T00:00:00Z', null],
    ['2013-01-01T25:00:00Z', null],
    ['2013-01-01T10:00:00', null],
    ['2013-01-01', null],
    ['1357034400000', null],
    ['', null],
    [1.5, null],
    [8.64e15 + 1, null],
    [Number.NaN, null],
    [true, null],
    [{}, null],
  ])('%j is %j', (value, ms) => {
    expect(parseTimestamp(value)).toBe(ms);
  });

  it('takes every time back that a Date writes', () => {
    const times = fc.date({
      min: new Date('0001-01-01T00:00:00Z'),
      max: new Date('9999-12-31T23:59:59Z'),
      noInvalidDate: true,
    });
    fc.assert(fc.property(times, (date) => parseTimestamp(date.toISOString()) === date.getTime()));
  });
});
