import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { median, robustBaseline, shareError } from './robust.ts';

describe('robust statistics', () => {
  it.each([
    ['none', [], null, null],
    ['one', [5], 5, 0],
    ['ties', [2, 2, 2, 2], 2, 0],
    ['an outlier', [1, 2, 3, 4, 1_000], 3, 1.482602218505602],
  ])('of %s', (_name, values, middle, spread) => {
    expect(median(values)).toBe(middle);
    expect(robustBaseline(values)?.spread ?? null).toBe(spread);
  });

  it('do not depend on the order, and move with the values', () => {
    const numbers = fc.array(fc.integer({ min: -1_000, max: 1_000 }), { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(numbers, fc.integer({ min: -50, max: 50 }), (values, by) => {
        const found = robustBaseline(values);
        expect(robustBaseline(values.toReversed())).toEqual(found);
        expect(robustBaseline(values.map((value) => value + by))).toEqual({
          median: (found?.median ?? 0) + by,
          spread: found?.spread,
        });
        expect(values.filter((value) => value <= (found?.median ?? 0)).length * 2).toBeGreaterThanOrEqual(
          values.length,
        );
      }),
    );
  });

  it('the error of a share is never nothing and shrinks with the rows', () => {
    expect(shareError(0, 10)).toBeGreaterThan(shareError(0, 1_000));
    expect(shareError(0, 1e9)).toBeGreaterThan(0);
    expect(shareError(1, 0)).toBeGreaterThan(0);
  });
});
