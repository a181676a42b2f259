import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HistogramPool, Packing } from './histogram.ts';

describe('Packing', () => {
  it('adds up exactly, to the last row of a large training', () => {
    for (const rows of [1, 100, 100_000, 1_000_000]) {
      const packing = new Packing(rows);
      const gradients = -packing.gradientScale * rows;
      const hessians = (0.25 * packing.hessianScale + packing.countUnit) * rows;
      expect(hessians).toBeLessThan(2 ** 53);
      expect(packing.unpack(gradients, hessians)).toEqual({ gradient: -rows, hessian: 0.25 * rows, count: rows });
    }
  });
});

describe('HistogramPool', () => {
  const columns = [3, 2, 4, 2, 5].map((binCount, feature) => ({
    kind: 'numeric' as const,
    bins: Uint8Array.from({ length: 60 }, (_, row) => (row * (feature + 3)) % binCount),
    binCount,
  }));
  const pool = new HistogramPool(columns, 60);
  const derivatives = {
    gradients: Float64Array.from({ length: 60 }, (_, row) => row - 30),
    hessians: Float64Array.from({ length: 60 }, (_, row) => pool.packing.countUnit + row),
  };
  const features = Int32Array.from([0, 1, 2, 3, 4]);

  it('sums each feature over its rows, whatever their order', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(Array.from({ length: 60 }, (_, row) => row)), (chosen) => {
        const histogram = pool.take();
        pool.fill(histogram, features, Int32Array.from(chosen), { start: 0, end: chosen.length }, derivatives);
        columns.forEach((column, feature) => {
          for (let bin = 0; bin < column.binCount; bin += 1) {
            const inBin = chosen.filter((row) => column.bins[row] === bin);
            const at = ((pool.offsets[feature] ?? 0) + bin) * 2;
            expect(histogram[at]).toBe(inBin.reduce((sum, row) => sum + (derivatives.gradients[row] ?? 0), 0));
            expect(pool.packing.unpack(0, histogram[at + 1] ?? 0).count).toBe(inBin.length);
          }
        });
        pool.give(histogram);
      }),
    );
  });

  it('is left with the other child after subtraction', () => {
    const rows = Int32Array.from({ length: 60 }, (_, row) => row);
    const [parent, left, right] = [pool.take(), pool.take(), pool.take()];
    pool.fill(parent, features, rows, { start: 0, end: 60 }, derivatives);
    pool.fill(left, features, rows, { start: 0, end: 17 }, derivatives);
    pool.fill(right, features, rows, { start: 17, end: 60 }, derivatives);
    pool.subtract(parent, left);
    expect(parent).toEqual(right);
  });
});
