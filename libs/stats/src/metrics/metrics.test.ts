import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { randomIndex } from '../numerics/random.ts';
import { auc, logLoss } from './auc.ts';
import { BinaryMetrics } from './binary-metrics.ts';
import { RegressionMetrics } from './regression-metrics.ts';

type Row = readonly [score: number, label: number];

const scored = fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 0, max: 1 })), {
  maxLength: 60,
});
const predicted = fc.array(
  fc.tuple(fc.double({ min: -1e6, max: 1e6, noNaN: true }), fc.double({ min: -1e6, max: 1e6, noNaN: true })),
  { maxLength: 60 },
);

interface Accumulator<State, Quality> {
  add(score: number, label: number): void;
  merge(state: State): void;
  state(): State;
  quality(): Quality;
}

function filled<A extends { add(score: number, label: number): void }>(accumulator: A, rows: readonly Row[]): A {
  for (const [score, label] of rows) accumulator.add(score, label);
  return accumulator;
}

function expectSameForAnyDivision<State, Quality>(
  create: () => Accumulator<State, Quality>,
  parts: readonly (readonly Row[])[],
): void {
  const all = filled(create(), parts.flat());
  const states = parts.map((part) => filled(create(), part.toReversed()).state());
  for (const order of [states, states.toReversed()]) {
    const merged = create();
    for (const state of order) merged.merge(JSON.parse(JSON.stringify(state)) as State);
    expect(merged.state()).toEqual(all.state());
    expect(merged.quality()).toEqual(all.quality());
  }
}

describe('BinaryMetrics', () => {
  /** Scores and labels of which the labels are drawn with the score to the power of 1.5. */
  const random = randomIndex(7);
  const uniform = (): number => random(2 ** 32) / 2 ** 32;
  const rows = Array.from({ length: 5000 }, (): Row => {
    const score = uniform();
    return [score, uniform() < score ** 1.5 ? 1 : 0];
  });

  test('equals the definitions', () => {
    const quality = filled(new BinaryMetrics({ threshold: 0.4 }), rows).quality();
    const [scores, labels] = [rows.map(([score]) => score), rows.map(([, label]) => label)];
    const count = (is: (row: Row) => boolean): number => rows.filter(is).length;
    const hit = count(([score, label]) => score >= 0.4 && label === 1);
    const wrong = count(([score, label]) => score >= 0.4 && label === 0);
    const missed = count(([score, label]) => score < 0.4 && label === 1);
    expect(quality.rows).toBe(5000);
    expect(quality.positives).toBe(hit + missed);
    expect(quality.logLoss).toBeCloseTo(logLoss(scores, labels), 12);
    expect(quality.brier).toBeCloseTo(rows.reduce((sum, [score, label]) => sum + (score - label) ** 2, 0) / 5000, 12);
    expect(quality.precision).toBe(hit / (hit + wrong));
    expect(quality.recall).toBe(hit / (hit + missed));
    expect(quality.f1).toBeCloseTo((2 * quality.precision * quality.recall) / (quality.precision + quality.recall), 12);
    expect(quality.accuracy).toBe((5000 - wrong - missed) / 5000);
    expect(Math.abs(quality.auc - auc(scores, labels))).toBeLessThanOrEqual(quality.aucError);
    expect(quality.aucError).toBeLessThan(0.001);
    const bins = Array.from({ length: 15 }, (_, i) => rows.filter(([score]) => Math.floor(score * 15) === i));
    const gaps = bins.map((bin) => Math.abs(bin.reduce((sum, [score, label]) => sum + score - label, 0)));
    expect(quality.calibrationError).toBeCloseTo(gaps.reduce((a, b) => a + b, 0) / 5000, 12);
  });

  test('calibrated scores have hardly any calibration error, others theirs', () => {
    const [fair, unfair] = [new BinaryMetrics(), new BinaryMetrics()];
    for (let i = 0; i < 50_000; i += 1) {
      const score = uniform();
      fair.add(score, uniform() < score ? 1 : 0);
      unfair.add(score, uniform() < score / 2 ? 1 : 0);
    }
    expect(fair.quality().calibrationError).toBeLessThan(0.02);
    expect(Math.abs(unfair.quality().calibrationError - 0.25)).toBeLessThan(0.01);
  });

  test('any division, order and merging of the rows gives the same, bit for bit', () => {
    fc.assert(
      fc.property(fc.array(scored, { minLength: 1, maxLength: 4 }), (parts) => {
        expectSameForAnyDivision(() => new BinaryMetrics({ scoreBins: 50 }), parts);
      }),
    );
  });

  test('the area of the scores is within its bound', () => {
    fc.assert(
      fc.property(scored, fc.integer({ min: 1, max: 20 }), (rowsOf, scoreBins) => {
        const { auc: area, aucError } = filled(new BinaryMetrics({ scoreBins }), rowsOf).quality();
        const exact = auc(
          rowsOf.map(([score]) => score),
          rowsOf.map(([, label]) => label),
        );
        if (Number.isNaN(exact)) expect(area).toBeNaN();
        else expect(Math.abs(area - exact)).toBeLessThanOrEqual(aucError + 1e-12);
      }),
    );
  });

  test('nothing, one class, and rows without a score', () => {
    const none = new BinaryMetrics();
    expect(none.quality()).toMatchObject({
      rows: 0,
      logLoss: Number.NaN,
      calibrationError: Number.NaN,
      f1: Number.NaN,
    });
    none.add(Number.NaN, 1);
    expect([none.unscored, none.quality().rows]).toEqual([1, 0]);
    none.add(0.7, 0);
    expect(none.quality()).toMatchObject({ rows: 1, precision: 0, recall: Number.NaN, auc: Number.NaN, f1: 0 });
  });
});

describe('RegressionMetrics', () => {
  test('equals the definitions', () => {
    const rows: readonly Row[] = [
      [2.5, 3],
      [0, -0.5],
      [2, 2],
      [8, 7],
    ];
    // sklearn.metrics of scikit-learn 1.9.1: mean_absolute_error, mean_squared_error, r2_score.
    const quality = filled(new RegressionMetrics(), rows).quality();
    expect(quality.mae).toBe(0.5);
    expect(quality.rmse).toBeCloseTo(0.612_372_435_695_794_5, 15);
    expect(quality.r2).toBeCloseTo(0.948_608_137_044_967_8, 12);
    expect(quality.bias).toBe(0.25);
  });

  test('any division, order and merging of the rows gives the same, bit for bit', () => {
    fc.assert(
      fc.property(fc.array(predicted, { minLength: 1, maxLength: 4 }), (parts) => {
        expectSameForAnyDivision(() => new RegressionMetrics(), parts);
      }),
    );
  });

  test('MAE <= RMSE, |bias| <= MAE', () => {
    fc.assert(
      fc.property(predicted, (rows) => {
        const { mae, rmse, bias } = filled(new RegressionMetrics(), rows).quality();
        if (rows.length === 0) return;
        expect(mae).toBeLessThanOrEqual(rmse * (1 + 1e-12) + 1e-150);
        expect(Math.abs(bias)).toBeLessThanOrEqual(mae * (1 + 1e-12) + 1e-150);
      }),
    );
  });

  test('nothing, equal labels, what is not finite', () => {
    expect(new RegressionMetrics().quality()).toMatchObject({ rows: 0, mae: Number.NaN, r2: Number.NaN });
    const metrics = new RegressionMetrics();
    metrics.add(Number.NaN, 1);
    metrics.add(1, Infinity);
    metrics.add(2, 1);
    expect(metrics.quality()).toMatchObject({ rows: 1, mae: 1, rmse: 1, r2: Number.NaN });
  });
});
