import {
  buildFieldReference,
  groupBins,
  ksFromBins,
  normalCdf,
  normalQuantile,
  psi,
  sumByGroup,
} from '@everloop/stats';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { denseCounts, sparseCounts } from '../panes/counts.ts';
import { shiftOf } from './shift.ts';

const values = Array.from({ length: 10_000 }, (_, i) => Math.exp(normalQuantile((i + 0.5) / 10_000)));
const reference = buildFieldReference('numeric', 'x', values);
const all = sparseCounts('x', reference.counts, 0);

describe('a shift on bins', () => {
  test.each([0.1, 0.25, 0.5, -0.25])('of %d σ is that of the values, whatever their distribution', (sigmas) => {
    const moved = denseCounts(shiftOf(reference, sigmas)(all), reference.counts.length);
    // Two normal distributions σ apart: KS is 2 Φ(σ / 2) - 1.
    expect(ksFromBins(reference.counts, moved)).toBeCloseTo(2 * normalCdf(Math.abs(sigmas) / 2) - 1, 2);
  });

  test('has the stability index σ², but for what ten groups do not see', () => {
    const groups = groupBins(reference.counts, 10);
    const moved = denseCounts(shiftOf(reference, 0.25)(all), reference.counts.length);
    const index = psi(sumByGroup(reference.counts, groups), sumByGroup(moved, groups));
    expect(index).toBeGreaterThan(0.055);
    expect(index).toBeLessThan(0.0625);
  });

  test('of nothing moves nothing, and none loses a row', () => {
    expect(shiftOf(reference, 0)(all)).toEqual(all);
    const counts = fc.array(fc.nat({ max: 50 }), { minLength: 5, maxLength: 5 });
    fc.assert(
      fc.property(counts, counts, fc.double({ min: -4, max: 4, noNaN: true }), (frozen, rows, sigmas) => {
        const field = { field: 'x', kind: 'numeric' as const, edges: [1, 2, 3, 4], categories: [], missing: 0 };
        const moved = denseCounts(shiftOf({ ...field, counts: frozen }, sigmas)(sparseCounts('x', rows, 3)), 5);
        expect(moved.reduce((a, b) => a + b)).toBe(rows.reduce((a, b) => a + b));
        expect(moved.every((count) => Number.isInteger(count) && count >= 0)).toBe(true);
      }),
    );
  });
});
