import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { randomIndex } from '../numerics/random.ts';
import { BinaryMetrics, type BinaryQuality } from './binary-metrics.ts';
import { RegressionMetrics } from './regression-metrics.ts';
import { addSparseCounts, ScoreSums, sparseCounts } from './score-sums.ts';

type Row = readonly [score: number, label: number];

/** Scores beside the edges of bins, so that both ways of finding a bin agree. */
function sample(count: number, seed: number): readonly Row[] {
  const random = randomIndex(seed);
  return Array.from({ length: count }, (): Row => {
    const score = (random(2000) + 0.5) / 2000;
    return [score, random(1000) / 1000 < score ** 1.5 ? 1 : 0];
  });
}

function sumsOf(rows: readonly Row[]): ScoreSums {
  const sums = new ScoreSums();
  for (const [score, label] of rows) sums.add(score, label);
  return sums;
}

const rows = fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 0, max: 1 })), {
  maxLength: 40,
});

describe('ScoreSums', () => {
  test.each([0.5, 0.25, 0.9])('equal BinaryMetrics of the same bins, threshold %d', (threshold) => {
    const all = sample(4000, 11);
    const exact = new BinaryMetrics({ threshold, scoreBins: 200, calibrationBins: 20 });
    for (const [score, label] of all) exact.add(score, label);
    const [got, expected] = [sumsOf(all).quality(threshold), exact.quality()];
    for (const name of Object.keys(expected) as (keyof BinaryQuality)[])
      expect(Math.abs(got[name] - expected[name]), name).toBeLessThan(1e-9);
  });

  test('errors of the score are those of RegressionMetrics', () => {
    const all = sample(1000, 5);
    const exact = new RegressionMetrics();
    for (const [score, label] of all) exact.add(score, label);
    const { rmse, mae } = sumsOf(all).quality();
    expect(rmse).toBeCloseTo(exact.quality().rmse, 8);
    expect(mae).toBeCloseTo(exact.quality().mae, 8);
  });

  test('the variance of the losses is that of the rows', () => {
    const all = sample(500, 3);
    const losses = all.map(([score, label]) => -Math.log(label === 1 ? score : 1 - score));
    const mean = losses.reduce((a, b) => a + b, 0) / losses.length;
    const variance = losses.reduce((sum, loss) => sum + (loss - mean) ** 2, 0) / losses.length;
    expect(sumsOf(all).logLossVariance).toBeCloseTo(variance, 5);
  });

  test('are the same however rows are divided, ordered and merged, also through JSON', () => {
    fc.assert(
      fc.property(fc.array(rows, { maxLength: 4 }), (parts) => {
        const states = parts.map((part) => sumsOf(part.toReversed()).state());
        for (const order of [states, states.toReversed()]) {
          const merged = new ScoreSums();
          for (const state of order) merged.merge(JSON.parse(JSON.stringify(state)) as typeof state);
          expect(merged.state()).toEqual(sumsOf(parts.flat()).state());
        }
      }),
    );
  });

  test('rows that are taken away were never there', () => {
    fc.assert(
      fc.property(rows, rows, (kept, gone) => {
        const [one, merged] = [sumsOf([...gone, ...kept]), sumsOf([...kept, ...gone])];
        for (const [score, label] of gone) one.add(score, label, -1);
        merged.merge(sumsOf(gone).state(), -1);
        expect(one.state()).toEqual(sumsOf(kept).state());
        expect(merged.state()).toEqual(sumsOf(kept).state());
      }),
    );
  });

  test('nothing is defined without rows, and what needs a class without it', () => {
    expect(new ScoreSums().quality()).toMatchObject({ rows: 0, logLoss: Number.NaN, calibrationError: Number.NaN });
    expect(sumsOf([[0.9, 1]]).quality()).toMatchObject({ auc: Number.NaN, precision: 1, recall: 1, f1: 1 });
    expect(new ScoreSums().state()).toMatchObject({ scoreNano: [], negativeScores: { bins: [], counts: [] } });
  });
});

test('sparse counts come back', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 5, maxLength: 5 }), (counts) => {
      const back = addSparseCounts(new Float64Array(5), sparseCounts(counts));
      expect([...back]).toEqual(counts.map((count) => count + 0));
      expect([...addSparseCounts(back, sparseCounts(counts), -1)]).toEqual([0, 0, 0, 0, 0]);
    }),
  );
  expect([...addSparseCounts(new Float64Array(1), undefined)]).toEqual([0]);
});
