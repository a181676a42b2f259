import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { auc, aucFromBins, logLoss, logLossNano, logLossOf } from './auc.ts';
import { scoreBin } from '../bins/bins.ts';
import { orderFreeSum } from '../numerics/sum.ts';

const rows = fc.array(
  fc.tuple(
    fc.integer({ min: 0, max: 10 }).map((x) => x / 10),
    fc.constantFrom(0, 1),
  ),
  { maxLength: 60 },
);

/** By definition: every pair of a positive and a negative. */
function byPairs(scores: readonly number[], labels: readonly number[]): number {
  let wins = 0;
  let pairs = 0;
  scores.forEach((a, i) => {
    scores.forEach((b, j) => {
      if (labels[i] !== 1 || labels[j] !== 0) return;
      pairs += 1;
      wins += a > b ? 1 : a === b ? 0.5 : 0;
    });
  });
  return wins / pairs;
}

describe('area under the curve', () => {
  test('equals the share of ordered pairs, ties one half, and the histogram form', () => {
    fc.assert(
      fc.property(rows, (sample) => {
        const scores = sample.map(([score]) => score);
        const labels = sample.map(([, label]) => label);
        const expected = byPairs(scores, labels);
        const bins = (label: number): number[] =>
          Array.from(
            { length: 200 },
            (_, i) => sample.filter((row) => row[1] === label && scoreBin(row[0], 200) === i).length,
          );
        if (Number.isNaN(expected)) expect(auc(scores, labels)).toBeNaN();
        else {
          expect(auc(scores, labels)).toBeCloseTo(expected, 12);
          expect(
            auc(
              scores.map((x) => 1 - x),
              labels,
            ),
          ).toBeCloseTo(1 - expected, 12);
          expect(
            auc(
              scores.map((x) => x ** 3),
              labels,
            ),
          ).toBeCloseTo(expected, 12);
          expect(aucFromBins(bins(0), bins(1))).toBeCloseTo(expected, 12);
        }
      }),
    );
  });

  test('empty, one class, NaN', () => {
    expect(auc([], [])).toBeNaN();
    expect(auc([0.5, 0.6], [1, 1])).toBeNaN();
    expect(auc([Number.NaN, 0.6], [0, 1])).toBeNaN();
    expect(aucFromBins([1], [0])).toBeNaN();
  });
});

describe('log loss', () => {
  test('is bounded, an integer in nanonats, and free of order', () => {
    expect(logLossOf(0, 1)).toBeCloseTo(34.539, 3);
    expect(logLossOf(1, 0)).toBeCloseTo(34.539, 1);
    expect(Number.isSafeInteger(logLossNano(0.123456, 0))).toBe(true);
    expect(logLoss([], [])).toBeNaN();
    fc.assert(
      fc.property(rows, (sample) => {
        const reversed = [...sample].reverse();
        const of = (list: typeof sample): number =>
          logLoss(
            list.map(([s]) => s),
            list.map(([, l]) => l),
          );
        expect(of(reversed)).toBe(of(sample));
      }),
    );
  });
});

test('the sum is free of order', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e150, max: 1e150 })), (values) => {
      expect(orderFreeSum([...values].reverse())).toBe(orderFreeSum(values));
    }),
  );
  expect(orderFreeSum([])).toBe(0);
  expect(orderFreeSum([Infinity, 1])).toBe(Infinity);
});
