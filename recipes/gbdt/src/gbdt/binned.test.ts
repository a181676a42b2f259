import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { binCategory, binNumeric, fitCategory, fitNumeric, numericBin } from './binned.ts';

describe('fitNumeric', () => {
  it.each([
    ['nothing but missing', [NaN, NaN], []],
    ['no value', [], []],
    ['one value', [3, 3, 3], []],
    ['two values', [1, 2], [1]],
    ['ties', [1, 1, 1, 1, 2, 3], [1, 2]],
  ])('%s', (_name, values, thresholds) => {
    const encoder = fitNumeric(Float32Array.from(values), 8);
    expect(encoder.kind === 'numeric' ? [...encoder.thresholds] : undefined).toEqual(thresholds);
  });

  it('keeps order, stays within the number of bins and never uses bin 0 for a value', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ noNaN: true }), { minLength: 1, maxLength: 300 }),
        fc.integer({ min: 3, max: 256 }),
        (raw, bins) => {
          const values = Float32Array.from(raw);
          const encoder = fitNumeric(values, bins);
          const thresholds = encoder.kind === 'numeric' ? encoder.thresholds : new Float32Array();
          const column = binNumeric(thresholds, values);
          expect(column.binCount).toBeLessThanOrEqual(bins);
          values.forEach((value, row) => {
            const bin = column.bins[row] ?? 0;
            expect(bin).toBeGreaterThan(0);
            expect(bin).toBeLessThan(column.binCount);
            if (bin - 1 < thresholds.length) expect(value).toBeLessThanOrEqual(thresholds[bin - 1] ?? NaN);
            if (bin > 1) expect(value).toBeGreaterThan(thresholds[bin - 2] ?? NaN);
          });
          expect(numericBin(thresholds, NaN)).toBe(0);
        },
      ),
    );
  });
});

describe('fitCategory', () => {
  it('puts frequent ones first, equal ones in code-unit order, and leaves out the empty text', () => {
    const encoder = fitCategory(['b', 'a', '', 'c', 'c', '', 'b', 'c', 'a', 'z'], 3);
    expect(encoder).toEqual({ kind: 'category', vocabulary: ['c', 'a', 'b'] });
  });

  it('gives bin 0 to what is missing or unknown', () => {
    expect([...binCategory(['x', 'y'], ['y', '', 'x', 'z']).bins]).toEqual([2, 0, 1, 0]);
  });
});
