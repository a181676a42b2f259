import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergeRanges, notExcludedSql } from './exclude-sql.ts';

const range = fc.record({ fromMs: fc.integer({ min: 0, max: 60 }), untilMs: fc.integer({ min: 0, max: 60 }) });
const covers = (ranges: readonly { fromMs: number; untilMs: number }[], t: number): boolean =>
  ranges.some(({ fromMs, untilMs }) => t >= fromMs && t < untilMs);

describe('mergeRanges', () => {
  it('covers the same times, in any order of the ranges, with gaps between', () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 12 }), (ranges) => {
        const merged = mergeRanges(ranges);
        for (let t = 0; t <= 61; t += 1) expect(covers(merged, t)).toBe(covers(ranges, t));
        merged.forEach((each, i) => {
          expect(each.fromMs).toBeLessThan(each.untilMs);
          if (i > 0) expect(each.fromMs).toBeGreaterThan(merged[i - 1]?.untilMs ?? Infinity);
        });
        expect(mergeRanges(ranges.toReversed())).toEqual(merged);
      }),
    );
  });
});

describe('notExcludedSql', () => {
  it('says nothing without ranges, and looks at every time otherwise', () => {
    expect(notExcludedSql(['a', 'b'], [{ fromMs: 5, untilMs: 5 }])).toBe('');
    expect(notExcludedSql(['a', 'b'], [{ fromMs: 1, untilMs: 5 }])).toBe(
      ' AND NOT ((a >= 1 AND a < 5) OR (b >= 1 AND b < 5))',
    );
  });
});
