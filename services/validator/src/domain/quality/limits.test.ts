import { describe, expect, it } from 'vitest';
import { rule, windowSpec } from '../../../test/quality-fixtures.ts';
import { KnownValues, Series } from './baseline.ts';
import { limitsOf } from './limits.ts';

const noise = (): number => 2;

describe('limitsOf', () => {
  it.each([
    ['fixed ones', rule({ check: 'rows', min: 1, max: 9 }), [], [1, 9]],
    ['a gap, in seconds', rule({ check: 'freshness', maxGapMs: 90_000 }), [], [null, 90]],
    ['a spike of what may move in both directions', rule({ check: 'rows', spike: 3 }), [10, 10, 10], [4, 16]],
    ['a spike of a share only upwards', rule({ check: 'missing', spike: 3 }), [10, 10, 10], [null, 16]],
    [
      'the spread when it is above the noise',
      rule({ check: 'rows', spike: 1 }),
      [0, 10, 20],
      [-4.82602218505602, 24.82602218505602],
    ],
    ['multiples of the median', rule({ check: 'rows', rise: 2, fall: 0.5 }), [8, 10, 12], [5, 20]],
    ['no multiples of nothing', rule({ check: 'missing', rise: 2, max: 0.5 }), [0, 0, 0], [null, 0.5]],
    ['the tighter of fixed and trailing', rule({ check: 'rows', min: 8, max: 12, spike: 3 }), [10, 10, 10], [8, 12]],
    [
      'fixed ones alone while there is too little to look back on',
      rule({ check: 'rows', max: 12, spike: 3 }),
      [10],
      [null, 12],
    ],
  ])('are %s', (_name, given, earlier, [lower, upper]) => {
    const limits = limitsOf(given, earlier, 3, noise);
    expect([limits.lower, limits.upper]).toEqual([lower, upper]);
  });

  it('says when it waits for a baseline', () => {
    expect(limitsOf(rule({ check: 'rows', spike: 3 }), [1, 2], 3, noise).isWaiting).toBe(true);
    expect(limitsOf(rule({ check: 'rows', max: 3 }), [], 3, noise).isWaiting).toBe(false);
  });
});

describe('Series', () => {
  it('looks back over the newest windows, or those of the season', () => {
    const series = new Series();
    for (let i = 0; i < 50; i += 1) series.add({ startMs: i * 10, value: i }, 12);
    const last = windowSpec([], { everyMs: 10, baseline: { windows: 3, atLeast: 2 } });
    expect(series.baseline(last, 500)).toEqual([47, 48, 49]);
    const seasonal = { ...last, baseline: { ...last.baseline, seasonMs: 40 } };
    expect(series.baseline(seasonal, 500)).toEqual([38, 42, 46]);
  });
});

describe('KnownValues', () => {
  it('forgets what no window of the baseline had', () => {
    const known = new KnownValues();
    known.add(0, [1, 2], 2);
    known.add(10, [2], 2);
    expect([1, 2].map((hash) => known.has(hash))).toEqual([true, true]);
    known.add(20, [3], 2);
    expect([1, 2, 3].map((hash) => known.has(hash))).toEqual([false, true, true]);
    expect(known.windows).toBe(2);
  });

  it('is bounded', () => {
    const known = new KnownValues();
    known.add(
      0,
      Array.from({ length: 12_000 }, (_, i) => i),
      2,
    );
    expect([known.has(0), known.has(11_999)]).toEqual([false, true]);
  });
});
