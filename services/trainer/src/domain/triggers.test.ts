import { describe, expect, it } from 'vitest';
import { daysCrossed, rowsNeeded } from './triggers.ts';

const day = 86_400_000;

describe('daysCrossed', () => {
  it.each([
    ['nothing crossed', 10, day - 1, []],
    ['a day begins', day - 1, day, [day]],
    ['the start of a day is crossed once', day, day + 10, []],
    ['a jump', day - 1, 3 * day, [day, 2 * day, 3 * day]],
    ['no earlier watermark: the day that has begun', null, 3 * day + 5, [3 * day]],
    ['a jump of years is cut', 0, 10_000 * day, Array.from({ length: 400 }, (_, i) => (9_601 + i) * day)],
  ])('%s', (_name, from, until, expected) => {
    expect(daysCrossed(from, until)).toEqual(expected);
  });
});

describe('rowsNeeded', () => {
  const spec = { model: 'm', rows: 100 };
  it.each([
    ['no version', [], 100],
    ['a version in production', [{ stage: 'production', jobId: 'x', labelledRows: 100 }], null],
    ['an approved one', [{ stage: 'approved', jobId: 'x', labelledRows: 100 }], null],
    ['a rejected one: a quarter more rows', [{ stage: 'rejected', jobId: 'x', labelledRows: 200 }], 250],
    ['a rejected one with few rows', [{ stage: 'rejected', jobId: 'x', labelledRows: 10 }], 100],
    ['the version of this very job, after a crash', [{ stage: 'approved', jobId: 'mine', labelledRows: 100 }], 100],
  ])('%s', (_name, versions, expected) => {
    expect(rowsNeeded(spec, versions, 'mine')).toBe(expected);
  });
});
