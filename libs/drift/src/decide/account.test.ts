import { describe, expect, test } from 'vitest';
import { accountOf, coolDownOf, rejectedInARow, settleRequests } from './account.ts';
import type { OwnRequest, RequestEnd } from './types.ts';

const letters: Readonly<Record<string, RequestEnd>> = { a: 'approved', r: 'rejected', n: 'none', o: 'open' };
/** Requests a day apart by their ends: approved, rejected, none, open. */
const requests = (ends: string): readonly OwnRequest[] =>
  Array.from(ends).map((letter, i) => ({ id: `q${i}`, atMs: i * 100, end: letters[letter] ?? 'none' }));

test.each([
  ['', 0],
  ['a', 0],
  ['rar', 1],
  ['arr', 2],
  ['arnro', 2],
  ['nno', 0],
])('rejected in a row of "%s": %d', (ends, expected) => {
  expect(rejectedInARow(requests(ends))).toBe(expected);
});

describe('the cool-down', () => {
  const spec = { coolDownMs: 1000, backOff: { factor: 2, maxMs: 5000 } };

  test.each([
    ['none before the first request', '', 'data', { untilMs: 0, lengthMs: 1000, backOff: 1 }],
    ['of the Monitor after one', 'a', 'data', { untilMs: 1000, lengthMs: 1000, backOff: 1 }],
    ['twice as long after a rejected version', 'ar', 'data', { untilMs: 2100, lengthMs: 2000, backOff: 2 }],
    ['four times after two', 'rr', 'estimated', { untilMs: 4100, lengthMs: 4000, backOff: 4 }],
    ['at most the longest', 'rrrrr', 'data', { untilMs: 5400, lengthMs: 5000, backOff: 5 }],
    ['half of it for labels', 'a', 'performance', { untilMs: 500, lengthMs: 500, backOff: 1 }],
    ['which backs off as well', 'rr', 'performance', { untilMs: 2100, lengthMs: 2000, backOff: 4 }],
  ] as const)('%s', (_, ends, kind, expected) => {
    expect(coolDownOf(spec, requests(ends), kind)).toEqual(expected);
  });

  test('is not shortened by a longest that is less than it', () => {
    expect(coolDownOf({ coolDownMs: 1000, backOff: { factor: 2, maxMs: 10 } }, requests('rr'), 'data').lengthMs).toBe(
      1000,
    );
  });

  test('of a Monitor without one stays none', () => {
    expect(coolDownOf({ ...spec, coolDownMs: 0 }, requests('rr'), 'data')).toEqual({
      untilMs: 100,
      lengthMs: 0,
      backOff: 1,
    });
  });

  test('does not overflow', () => {
    expect(coolDownOf(spec, requests('r'.repeat(2000)), 'data').lengthMs).toBe(5000);
  });
});

describe('the account of the alarm budget', () => {
  const budget = { falseRetrainings: 1, perMs: 250 };

  test('counts rejected versions of the period, and is overspent by more than what is allowed', () => {
    expect(accountOf({ budget }, requests('rraorn'), 500)).toEqual({ spent: 1, allowed: 1, overspent: false });
    expect(accountOf({ budget }, requests('rr'), 200)).toEqual({ spent: 2, allowed: 1, overspent: true });
    expect(accountOf({ budget }, requests('rr'), 349)).toEqual({ spent: 1, allowed: 1, overspent: false });
    expect(accountOf({ budget }, requests('rr'), 350)).toEqual({ spent: 0, allowed: 1, overspent: false });
  });

  test('is none without a budget', () => {
    expect(accountOf({}, requests('rrrr'), 400)).toEqual({ spent: 0, allowed: 0, overspent: false });
  });
});

test('an end that is known stays, whatever is heard later', () => {
  const ends = new Map<string, RequestEnd>([
    ['q0', 'rejected'],
    ['q1', 'rejected'],
  ]);
  expect(settleRequests(requests('aoo'), ends).map(({ end }) => end)).toEqual(['approved', 'rejected', 'open']);
});
