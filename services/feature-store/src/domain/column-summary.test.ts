import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { countBins, summarise } from './column-summary.ts';

describe('summarise', () => {
  it('numbers: counts, ends, mean and a histogram that holds every value once', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.integer({ min: -50, max: 50 }), { nil: NaN })), (values) => {
        const summary = summarise('x', { type: 'number', values: Float64Array.from(values) });
        if (summary.type !== 'number') throw new Error('a number');
        const present = values.filter((value) => !Number.isNaN(value));
        expect(summary).toMatchObject({ rows: values.length, missing: values.length - present.length });
        expect(summary.distinct).toBe(new Set(present).size);
        expect(summary.counts.reduce((sum, count) => sum + count, 0)).toBe(present.length);
        expect(summary.edges.length).toBeLessThan(64);
        if (present.length === 0) expect(summary).toMatchObject({ min: null, max: null, mean: null });
        else {
          expect(summary).toMatchObject({ min: Math.min(...present), max: Math.max(...present) });
          expect(summary.mean).toBeCloseTo(present.reduce((sum, value) => sum + value, 0) / present.length, 9);
        }
      }),
    );
  });

  it('does not depend on the order', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noDefaultInfinity: true, noNaN: true })), (values) => {
        const of = (list: readonly number[]) => summarise('x', { type: 'number', values: Float64Array.from(list) });
        expect(of(values.toReversed())).toEqual(of(values));
      }),
    );
  });

  it('text: the most frequent values first, equal ones by their text; the rest is counted', () => {
    const values = ['b', 'a', null, 'b', 'a', 'c', ...Array.from({ length: 60 }, (_, index) => `z${index}`)];
    const summary = summarise('t', { type: 'string', values });
    if (summary.type !== 'string') throw new Error('text');
    expect(summary.top.slice(0, 3)).toEqual([
      ['a', 2],
      ['b', 2],
      ['c', 1],
    ]);
    expect(summary.top).toHaveLength(50);
    expect(summary).toMatchObject({ rows: 66, missing: 1, distinct: 63, other: 13 });
  });
});

describe('countBins', () => {
  it('puts a value at an edge into the bin below, and NaN into none', () => {
    expect(countBins([0, 1, 1.5, 2, 9, NaN], [1, 2])).toEqual([2, 2, 1]);
  });
});
