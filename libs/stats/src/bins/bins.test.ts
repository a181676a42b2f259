import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { binIndex, groupBins, quantileEdges, scoreBin, sumByGroup } from './bins.ts';
import { type FieldValue, buildFieldReference, fieldIndex, mergeFieldCounts } from './field.ts';

const numbers = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 200 });
const values = fc.array(fc.oneof(fc.integer({ min: -5, max: 30 }), fc.constant(null), fc.constant(Number.NaN)), {
  maxLength: 300,
});

describe('bins', () => {
  test('each value lies in its bin', () => {
    fc.assert(
      fc.property(numbers, fc.integer({ min: 1, max: 50 }), (sample, bins) => {
        const edges = quantileEdges(sample, bins);
        expect(edges.length).toBeLessThan(bins);
        for (const x of sample) {
          const bin = binIndex(edges, x);
          if (bin > 0) expect(edges[bin - 1]).toBeLessThan(x);
          if (bin < edges.length) expect(x).toBeLessThanOrEqual(edges[bin] ?? Number.NaN);
        }
      }),
    );
  });

  test('empty, one, NaN, infinite', () => {
    expect(quantileEdges([], 10)).toEqual([]);
    expect(quantileEdges([Number.NaN], 10)).toEqual([]);
    expect(quantileEdges([7, 7, Infinity], 10)).toEqual([7]);
    expect(binIndex([1], Number.NaN)).toBe(-1);
    expect(binIndex([], 5)).toBe(0);
    expect([Number.NaN, -1, 2].map((score) => scoreBin(score, 200))).toEqual([0, 0, 199]);
  });

  test('groups are adjacent, numbered without gaps, and keep all counts', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(100), { minLength: 1, maxLength: 300 }),
        fc.integer({ min: 1, max: 20 }),
        (counts, groups) => {
          const groupOf = groupBins(counts, groups);
          expect(Math.max(...groupOf)).toBeLessThan(groups);
          groupOf.forEach((group, i) => {
            const step = group - (groupOf[i - 1] ?? 0);
            expect(step === 0 || step === 1).toBe(true);
          });
          const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);
          expect(sum(sumByGroup(counts, groupOf))).toBe(sum(counts));
        },
      ),
    );
  });

  test('a heavy bin stands alone', () => {
    expect(groupBins([5, 5, 80, 5, 5], 10)).toEqual([0, 0, 1, 2, 2]);
  });
});

describe('field references', () => {
  const count = (reference: ReturnType<typeof buildFieldReference>, sample: readonly FieldValue[]) => {
    const index = fieldIndex(reference);
    const counts = Array.from({ length: index.size }, () => 0);
    let missing = 0;
    for (const value of sample) {
      const bin = index.indexOf(value);
      if (bin < 0) missing += 1;
      else counts[bin] = (counts[bin] ?? 0) + 1;
    }
    return { field: reference.field, counts, missing };
  };

  test.each(['numeric', 'categorical'] as const)(
    '%s: counts of the training rows are found again, in any order',
    (kind) => {
      fc.assert(
        fc.property(values, (sample) => {
          const reference = buildFieldReference(kind, 'f', sample, { bins: 8, categoriesMax: 4 });
          expect(count(reference, sample)).toEqual({
            field: 'f',
            counts: reference.counts,
            missing: reference.missing,
          });
          expect(buildFieldReference(kind, 'f', [...sample].reverse(), { bins: 8, categoriesMax: 4 })).toEqual(
            reference,
          );
        }),
      );
    },
  );

  test('merging equals counting the concatenation', () => {
    fc.assert(
      fc.property(values, values, values, (training, a, b) => {
        const reference = buildFieldReference('numeric', 'f', training);
        expect(mergeFieldCounts(count(reference, a), count(reference, b))).toEqual(count(reference, [...a, ...b]));
      }),
    );
  });

  test('missing: null, NaN, infinite, empty text, text where a number belongs', () => {
    const numeric = fieldIndex(buildFieldReference('numeric', 'f', [1, 2, 3]));
    expect([null, undefined, Number.NaN, Infinity, '', '2'].map((value) => numeric.indexOf(value))).toEqual([
      -1, -1, -1, -1, -1, -1,
    ]);
    const categorical = fieldIndex(buildFieldReference('categorical', 'f', ['a', 'b', 'b'], { categoriesMax: 1 }));
    expect(['b', 'a', 'new', '', null].map((value) => categorical.indexOf(value))).toEqual([0, 1, 1, -1, -1]);
  });
});
