import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { randomIndex } from '../numerics/random.ts';
import { sample } from '../../test/recipe.ts';
import { BinaryMetrics } from './binary-metrics.ts';
import { estimateQuality } from './estimated-quality.ts';
import { isotonicFit, isotonicValue } from './isotonic.ts';

const measures = ['logLoss', 'brier', 'auc', 'accuracy', 'precision', 'recall', 'f1'] as const;
/** Thousandths, so that there are ties and no numbers that underflow. */
const score = fc.integer({ min: 0, max: 1000 }).map((x) => x / 1000);
const probability = fc.integer({ min: 1, max: 99 }).map((x) => x / 100);

describe('isotonic calibration', () => {
  test('equals IsotonicRegression of scikit-learn 1.9.1', () => {
    const x = sample({ kind: 'uniform', seed: 73, n: 200 }).map((u) => Math.floor(u * 50) / 50);
    const draws = sample({ kind: 'uniform', seed: 74, n: 200 });
    const map = isotonicFit(
      x,
      x.map((v, i) => ((draws[i] ?? 0) < v * v ? 1 : 0)),
    );
    const expected = [0, 0, 0, 0.060_606_060_606_060_61, 0.121_212_121_212_121_22, 4 / 17, 4 / 17, 0.6, 1, 1, 1];
    [-1, 0, 0.1, 0.25, 0.33, 0.5, 0.51, 0.77, 0.9, 0.98, 2].forEach((at, i) => {
      expect(isotonicValue(map, at)).toBeCloseTo(expected[i] ?? 0, 12);
    });
  });

  test('is non-decreasing, keeps the mean label, and leaves what is in order', () => {
    const rows = fc.array(fc.tuple(score, fc.integer({ min: 0, max: 1 })), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(rows, (all) => {
        const [scores, labels] = [all.map(([x]) => x), all.map(([, y]) => y)];
        const map = isotonicFit(scores, labels);
        map.values.forEach((value, i) => {
          expect(value).toBeGreaterThanOrEqual(map.values[i - 1] ?? 0);
        });
        const fitted = scores.reduce((sum, x) => sum + isotonicValue(map, x), 0);
        expect(fitted).toBeCloseTo(
          labels.reduce<number>((a, b) => a + b, 0),
          9,
        );
        const again = isotonicFit(
          scores,
          scores.map((x) => isotonicValue(map, x)),
        );
        for (const x of scores) expect(isotonicValue(again, x)).toBeCloseTo(isotonicValue(map, x), 9);
      }),
    );
  });

  test('no rows, NaN', () => {
    expect(isotonicFit([], [])).toEqual({ scores: [], values: [] });
  });

  test('counts of rows are as many rows, and none is none', () => {
    const counted = isotonicFit([0.1, 0.1, 0.4, 0.4, 0.9], [0, 1, 0, 1, 1], [3, 1, 2, 0, 4]);
    const each = isotonicFit([0.1, 0.1, 0.1, 0.1, 0.4, 0.4, 0.9, 0.9, 0.9, 0.9], [0, 0, 0, 1, 0, 0, 1, 1, 1, 1]);
    expect(counted).toEqual(each);
    expect(isotonicFit([Number.NaN, 1], [1, 0])).toEqual({ scores: [1], values: [0] });
    expect(isotonicValue({ scores: [], values: [] }, 0.5)).toBeNaN();
    expect(isotonicValue({ scores: [1], values: [1] }, Number.NaN)).toBeNaN();
  });
});

describe('quality without labels', () => {
  // estimate_f1, _precision, _recall, _accuracy and _roc_auc (rounded to five places within) of NannyML 0.13.1.
  test.each([
    [
      71, 2000, 0.814_804_477_547_124, 0.813_063_582_017_144_2, 0.816_552_844_129_736_4, 0.812_243_365_331_814_8,
      0.899_626_126_657_260_5,
    ],
    [
      72, 37, 0.792_603_037_092_654_6, 0.776_905_666_269_418_4, 0.808_947_819_280_786, 0.791_216_188_488_520_2,
      0.867_982_749_653_881,
    ],
  ])('equals NannyML: seed %d, %d rows', (seed, n, f1, precision, recall, accuracy, auc) => {
    const scores = sample({ kind: 'uniform', seed, n });
    const quality = estimateQuality(
      scores.map((s) => s * s * (3 - 2 * s)),
      scores,
    );
    expect(quality.f1.value).toBeCloseTo(f1, 11);
    expect(quality.precision.value).toBeCloseTo(precision, 11);
    expect(quality.recall.value).toBeCloseTo(recall, 11);
    expect(quality.accuracy.value).toBeCloseTo(accuracy, 11);
    expect(quality.auc.value).toBeCloseTo(auc, 5);
  });

  test('with certain labels it is the quality, without error', () => {
    const rows = fc.array(fc.tuple(score, fc.integer({ min: 0, max: 1 })), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(rows, (all) => {
        const known = new BinaryMetrics({ scoreBins: 100_000 });
        for (const [s, label] of all) known.add(s, label);
        const [exact, estimate] = [
          known.quality(),
          estimateQuality(
            all.map(([, y]) => y),
            all.map(([s]) => s),
          ),
        ];
        for (const measure of measures) {
          if (measure === 'auc' && exact.aucError > 0) continue;
          if (Number.isNaN(exact[measure])) expect(estimate[measure].value).toBeNaN();
          else {
            expect(estimate[measure].value).toBeCloseTo(exact[measure], 8);
            expect(estimate[measure].error).toBe(0);
          }
        }
      }),
    );
  });

  test('the quality of drawn labels scatters around it by its error', () => {
    const random = randomIndex(4);
    const uniform = (): number => random(2 ** 32) / 2 ** 32;
    const scores = Array.from({ length: 800 }, uniform);
    const probabilities = scores.map((s) => 0.1 + 0.7 * s * s);
    const estimate = estimateQuality(probabilities, scores, { threshold: 0.6 });
    const drawn = Array.from({ length: 400 }, () => {
      const metrics = new BinaryMetrics({ threshold: 0.6, scoreBins: 5000 });
      scores.forEach((s, i) => {
        metrics.add(s, uniform() < (probabilities[i] ?? 0) ? 1 : 0);
      });
      return metrics.quality();
    });
    for (const measure of measures) {
      const values = drawn.map((quality) => quality[measure]);
      const mean = values.reduce((a, b) => a + b, 0) / values.length;
      const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
      const { value, error } = estimate[measure];
      expect(Math.abs(mean - value), measure).toBeLessThan((4 * error) / Math.sqrt(400) + 0.002);
      expect(spread / error, measure).toBeGreaterThan(0.85);
      expect(spread / error, measure).toBeLessThan(1.15);
    }
  });

  test('counts of bins are as many rows', () => {
    const bins = fc.array(fc.tuple(probability, score, fc.integer({ min: 0, max: 4 })), {
      minLength: 1,
      maxLength: 20,
    });
    fc.assert(
      fc.property(bins, (all) => {
        const rows = all.map(([, , count]) => count);
        const binned = estimateQuality(
          all.map(([p]) => p),
          all.map(([, s]) => s),
          { rows },
        );
        const spread = all.flatMap(([p, s, count]) => Array.from({ length: count }, () => [p, s] as const));
        const plain = estimateQuality(
          spread.map(([p]) => p),
          spread.map(([, s]) => s),
        );
        expect(binned.rows).toBe(plain.rows);
        for (const measure of measures) {
          if (Number.isNaN(plain[measure].value)) continue;
          expect(binned[measure].value).toBeCloseTo(plain[measure].value, 8);
          expect(binned[measure].error).toBeCloseTo(plain[measure].error, 8);
        }
      }),
    );
  });

  test('follows a change of the inputs that the score sees', () => {
    const random = randomIndex(9);
    const uniform = (): number => random(2 ** 32) / 2 ** 32;
    const label = (s: number): number => (uniform() < s * s ? 1 : 0);
    const reference = Array.from({ length: 20_000 }, uniform);
    const map = isotonicFit(reference, reference.map(label));
    // Later there are many more scores near the middle, where the model knows least.
    const later = Array.from({ length: 5000 }, () => 0.4 + 0.4 * uniform());
    const known = new BinaryMetrics();
    for (const s of later) known.add(s, label(s));
    const estimate = estimateQuality(
      later.map((s) => isotonicValue(map, s)),
      later,
    );
    const quality = known.quality();
    for (const measure of measures) {
      expect(Math.abs(estimate[measure].value - quality[measure]), measure).toBeLessThan(5 * estimate[measure].error);
    }
    expect(quality.auc).toBeLessThan(0.7);
  });

  test('no rows, NaN', () => {
    expect(estimateQuality([], []).accuracy.value).toBeNaN();
    expect(estimateQuality([Number.NaN, 0.5], [0.5, Number.NaN]).rows).toBe(0);
  });
});
