import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addToBin, logBin, logBinValue, logQuantile, type LogHistogram } from './log-histogram.ts';

const histogramOf = (values: readonly number[]): LogHistogram => {
  const histogram: LogHistogram = new Map();
  for (const value of values) addToBin(histogram, logBin(value));
  return histogram;
};
const sorted = (histogram: LogHistogram): [number, number][] => [...histogram].sort(([a], [b]) => a - b);
const magnitudes = fc.oneof(
  fc.double({ min: 1e-9, max: 1e15, noNaN: true }),
  fc.double({ min: -1e15, max: -1e-9, noNaN: true }),
  fc.integer({ min: -500, max: 500 }).map(Number),
);

describe('logBin', () => {
  it('keeps the order of values and puts each within 1 % of what stands for its bin', () => {
    fc.assert(
      fc.property(magnitudes, magnitudes, (a, b) => {
        if (a <= b) expect(logBin(a)).toBeLessThanOrEqual(logBin(b));
        expect(Math.abs(logBinValue(logBin(a)) - a)).toBeLessThanOrEqual(Math.abs(a) * 0.0100001);
      }),
      { numRuns: 2_000 },
    );
  });

  it('has a fixed range: tiny values are zero, huge ones the largest', () => {
    expect([0, -0, 1e-10, -1e-300].map(logBin).map(Math.abs)).toEqual([0, 0, 0, 0]);
    expect(logBin(1e300)).toBe(logBin(1e15));
    expect(logBin(-Number.MAX_VALUE)).toBe(-logBin(1e15));
    expect(logBin(1e-9)).toBeGreaterThan(0);
    expect(logBin(1e15)).toBeLessThan(2_900);
  });
});

describe('logQuantile', () => {
  it('is within 1 % of the nearest-rank quantile, whatever the division and order of the values', () => {
    const parts = fc.array(fc.array(magnitudes, { maxLength: 40 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(parts, fc.double({ min: 0, max: 1, noNaN: true }), (lists, p) => {
        const all = lists.flat();
        const merged: LogHistogram = new Map();
        for (const list of lists.toReversed())
          for (const [key, count] of histogramOf(list.toReversed())) addToBin(merged, key, count);
        expect(sorted(merged)).toEqual(sorted(histogramOf(all)));
        const exact = all.toSorted((a, b) => a - b)[Math.max(1, Math.ceil(p * all.length)) - 1];
        const found = logQuantile(merged, p);
        if (exact === undefined) expect(found).toBeNull();
        else expect(Math.abs((found ?? NaN) - exact)).toBeLessThanOrEqual(Math.abs(exact) * 0.0100001);
      }),
      { numRuns: 500 },
    );
  });
});
