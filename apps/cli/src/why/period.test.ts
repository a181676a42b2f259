import { expect, test } from 'vitest';
import { readSince, readUntil, sinceMsOf } from './period.ts';

test.each([
  ['2013-04-30', 1_367_280_000_000],
  ['2013-04-30T12:00Z', 1_367_323_200_000],
  ['7d', 2_000_000_000_000 - 7 * 86_400_000],
])('--since %s', (text, expected) => {
  expect(sinceMsOf(readSince(text), 2_000_000_000_000)).toBe(expected);
});

test('without --since all of the log is told', () => {
  expect(sinceMsOf(undefined, 5)).toBe(-Infinity);
});

test.each([
  ['2013-04-30', 1_367_366_400_000],
  ['2013-04-30T00:00Z', 1_367_280_000_000],
])('--until %s', (text, expected) => {
  expect(readUntil(text)).toBe(expected);
});

test.each(['', 'yesterday', '12', '-3d', '2013-99-01'])('"%s" is no beginning', (text) => {
  expect(() => readSince(text)).toThrow(/is wanted/);
});
