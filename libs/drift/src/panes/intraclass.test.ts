import { drift } from '@everloop/contracts';
import { describe, expect, test } from 'vitest';
import { sparseCounts } from './counts.ts';
import { withIntraclass } from './intraclass.ts';

const counts = [10, 20, 5, 15];
const message = drift.Baseline.fromPartial({
  model: 'm',
  fields: [
    { field: 'number', kind: 'numeric', edges: [1, 2, 3], counts },
    { field: 'category', kind: 'categorical', categories: ['a', 'b', 'c'], counts },
    { field: 'gate.verdict', kind: 'categorical', categories: ['accept'], counts: [0, 0] },
  ],
});

/** Rows of each unit by bin. */
function likeness(units: readonly (readonly number[])[], sizes?: readonly number[]): drift.Baseline {
  return withIntraclass(message, {
    field: 'tail',
    sizes: sizes ?? units.map((bins) => bins.reduce((sum, count) => sum + count, 0)),
    counts: units.map((bins) => ['number', 'category'].map((field) => sparseCounts(field, bins, 3))),
  });
}

const intraclass = (of: drift.Baseline): readonly number[] => of.fields.map((field) => field.intraclass);

// Independently: rows written out, sums of squares about their means, numpy 2.4.6; m₀ = 4.1846.
const unequal = [
  [4, 1, 0, 0],
  [0, 3, 2, 0],
  [0, 0, 1, 6],
  [2, 2, 0, 0],
  [0, 1, 0, 0],
  [1, 0, 0, 3],
];

describe('how alike rows of a unit are', () => {
  test('the analysis of variance of ridits and of categories, with units of unequal size', () => {
    const [number, category, verdict] = intraclass(likeness(unequal));
    expect(number).toBeCloseTo(0.673106833188544, 12);
    expect(category).toBeCloseTo(0.4293056617276319, 12);
    expect(verdict).toBe(0);
  });

  test('says of which unit, and how many rows the unit of an average row has, those of one among them', () => {
    expect(likeness(unequal)).toMatchObject({ unit: 'tail', unitRows: 132 / 26 });
    expect(likeness(unequal, [5, 5, 7, 4, 1, 4, 1, 1]).unitRows).toBeCloseTo(134 / 28, 12);
  });

  test.each([
    // By numpy -0.0877: units differ less than chance would have it.
    ['less alike than by chance', [[5, 5, 5, 5], [2, 2, 2, 2], [3, 3, 3, 3]], 0], // prettier-ignore
    ['the same within, different between', [[5, 0, 0, 0], [0, 2, 0, 0], [0, 0, 0, 3]], 1], // prettier-ignore
    ['a unit for each row', [[1, 0, 0, 0], [0, 1, 0, 0]], 0], // prettier-ignore
    ['one unit, of which nothing follows', [[5, 3, 0, 0]], 0], // prettier-ignore
    ['none', [], 0],
  ])('%s', (_, units, expected) => {
    expect(intraclass(likeness(units))).toEqual([expected, expected, 0]);
  });
});
