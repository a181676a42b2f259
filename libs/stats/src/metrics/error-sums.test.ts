import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addErrors, errorQuality, errorsOf, noErrors, type ErrorSumsState } from './error-sums.ts';
import { RegressionMetrics } from './regression-metrics.ts';

type Row = readonly [prediction: number, label: number];

const value = fc.double({ min: -1e3, max: 1e3, noNaN: true });
const rows = fc.array(fc.tuple(value, value), { maxLength: 30 });

const sumsOf = (all: readonly Row[]): ErrorSumsState =>
  all.reduce((sums, [prediction, label]) => addErrors(sums, errorsOf(prediction, label)), noErrors);

describe('sums of errors', () => {
  test('give what RegressionMetrics gives, within the rounding of 1e-6', () => {
    fc.assert(
      fc.property(
        rows.filter((all) => all.length > 0),
        (all) => {
          const exact = new RegressionMetrics();
          for (const row of all) exact.add(...row);
          const [got, expected] = [errorQuality(sumsOf(all)), exact.quality()];
          expect(got.rows).toBe(expected.rows);
          expect(Math.abs(got.bias - expected.bias)).toBeLessThan(1e-6);
          expect(Math.abs(got.mae - expected.mae)).toBeLessThan(1e-6);
          expect(Math.abs(got.rmse ** 2 - expected.rmse ** 2)).toBeLessThan(1e-6 * Math.max(1, expected.rmse ** 2));
        },
      ),
    );
  });

  test('are the same in any order and division, and without what is taken away', () => {
    fc.assert(
      fc.property(rows, rows, (some, others) => {
        const all = sumsOf([...some, ...others]);
        expect(addErrors(sumsOf(others.toReversed()), sumsOf(some))).toEqual(all);
        expect(addErrors(all, sumsOf(others), -1)).toEqual(sumsOf(some));
      }),
    );
  });

  test('of rows that are not finite are none, and nothing has no quality', () => {
    expect(errorsOf(NaN, 1)).toBe(noErrors);
    expect(errorsOf(1, Infinity)).toBe(noErrors);
    expect(errorQuality(noErrors)).toEqual({ rows: 0, bias: NaN, mae: NaN, rmse: NaN });
  });
});
