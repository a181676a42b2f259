import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ksPValueAsymptotic, ksTwoSample } from '../hypotheses/ks.ts';
import { randomIndex } from '../numerics/random.ts';
import { sample } from '../../test/recipe.ts';
import { blockLengths, blockResampler } from './block-bootstrap.ts';
import { clusterEffect, clusterEffectOf } from './effective-rows.ts';

/** Autoregression of order one. */
function series(seed: number, rows: number, phi: number): readonly number[] {
  let last = 0;
  return sample({ kind: 'bell', seed, n: rows }).map((shock) => (last = phi * last + shock));
}

const mean = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0) / values.length;

function resampledMeans(values: readonly number[], blockRows: number, kind: 'stationary' | 'moving'): number[] {
  const fill = blockResampler({ rows: values.length, blockRows, kind, seed: 11 });
  const places = new Uint32Array(values.length);
  return Array.from({ length: 400 }, () => {
    fill(places);
    return mean(Array.from(places, (place) => values[place] ?? 0));
  });
}

function variance(values: readonly number[]): number {
  const middle = mean(values);
  return mean(values.map((value) => (value - middle) ** 2));
}

describe.each(['stationary', 'moving'] as const)('%s blocks', (kind) => {
  test('hold neighbours, of the wanted mean length, and the same ones for one seed', () => {
    const draw = (seed: number): Uint32Array => {
      const into = new Uint32Array(20_000);
      blockResampler({ rows: 500, blockRows: 10, kind, seed })(into);
      return into;
    };
    const places = draw(3);
    expect(draw(3)).toEqual(places);
    expect(draw(4)).not.toEqual(places);
    let blocks = 1;
    for (let i = 1; i < places.length; i += 1) if (places[i] !== ((places[i - 1] ?? 0) + 1) % 500) blocks += 1;
    expect(Math.abs(places.length / blocks - 10)).toBeLessThan(0.5);
  });

  test('are places of the series, for any length', () => {
    const positive = fc.integer({ min: 1, max: 50 });
    fc.assert(
      fc.property(positive, positive, positive, fc.integer(), (rows, blockRows, length, seed) => {
        const into = new Uint32Array(length);
        blockResampler({ rows, blockRows, kind, seed })(into);
        expect(into.every((place) => place < rows)).toBe(true);
      }),
    );
  });

  test('see the variance of the mean of dependent rows, which single rows do not', () => {
    const values = series(3, 2000, 0.8);
    // Of the mean of an autoregression: σ² / (1 - φ)² / n.
    const expected = 1 / (1 - 0.8) ** 2 / values.length;
    const ratio = variance(resampledMeans(values, blockLengths(values)[kind], kind)) / expected;
    expect(ratio).toBeGreaterThan(0.65);
    expect(ratio).toBeLessThan(1.3);
    expect(variance(resampledMeans(values, 1, kind)) / expected).toBeLessThan(0.2);
  });
});

describe('block lengths', () => {
  // arch.bootstrap.optimal_block_length of arch 8.0.0 on the same series.
  test.each([
    [1, 500, 0, 2.854_837_278_738_784, 3.267_972_893_144_482],
    [2, 500, 0.5, 7.903_680_045_371_781, 9.047_455_116_521_641],
    [3, 1000, 0.8, 22.817_039_431_224_03, 26.118_990_009_823_12],
    [4, 2000, 0.9, 43.022_033_485_138_75, 49.247_934_474_044_68],
    [5, 300, -0.5, 7.003_413_978_872_709, 8.016_907_728_112_688],
    [6, 2160, 0.95, 64.526_681_414_385_62, 73.864_611_239_748_58],
  ])('seed %d, %d rows, φ = %d', (seed, rows, phi, stationary, moving) => {
    const lengths = blockLengths(series(seed, rows, phi));
    expect(lengths.stationary).toBeCloseTo(stationary, 9);
    expect(lengths.moving).toBeCloseTo(moving, 9);
  });

  test('are bounded, also for what has no scale', () => {
    expect(blockLengths([])).toEqual({ stationary: 1, moving: 1 });
    expect(blockLengths(new Float64Array(100))).toEqual({ stationary: 1, moving: 1 });
    expect(blockLengths(Array.from({ length: 400 }, (_, i) => i)).moving).toBeLessThanOrEqual(60);
  });
});

describe('clustered rows', () => {
  const rowsOf = fc.array(fc.tuple(fc.double({ min: -5, max: 5, noNaN: true }), fc.integer({ min: 0, max: 6 })), {
    minLength: 1,
    maxLength: 60,
  });

  test('between one row for each cluster and all of them; sums of parts add up', () => {
    fc.assert(
      fc.property(rowsOf, (rows) => {
        const effect = clusterEffectOf(
          rows.map(([value]) => value),
          rows.map(([, cluster]) => cluster),
        );
        expect(effect.rows).toBe(rows.length);
        expect(effect.clusters).toBe(new Set(rows.map(([, cluster]) => cluster)).size);
        expect(effect.intraclass).toBeGreaterThanOrEqual(0);
        expect(effect.intraclass).toBeLessThanOrEqual(1);
        expect(effect.effectiveRows).toBeLessThanOrEqual(rows.length + 1e-9);
        // Kish: with full correlation (Σm)² / Σm², which is at least 1.
        expect(effect.effectiveRows).toBeGreaterThanOrEqual(1 - 1e-9);
      }),
    );
  });

  test('the analysis of variance by hand', () => {
    const effect = clusterEffectOf([1, 2, 2, 3, 4, 3.5, 4, 5, 5], [0, 0, 0, 1, 1, 1, 2, 2, 2]);
    const grand = 29.5 / 9;
    const between = (3 * ((5 / 3 - grand) ** 2 + (3.5 - grand) ** 2 + (14 / 3 - grand) ** 2)) / 2;
    const within = (2 / 3 + 0.5 + 2 / 3) / 6;
    expect(effect.intraclass).toBeCloseTo((between - within) / (between + 2 * within), 12);
    expect(effect.designEffect).toBeCloseTo(1 + 2 * effect.intraclass, 12);
  });

  test('with as many rows as clusters, one cluster, constant values, none', () => {
    expect(clusterEffectOf([1, 5, 9], [0, 1, 2]).effectiveRows).toBe(3);
    expect(clusterEffectOf([1, 5, 9], [0, 0, 0]).effectiveRows).toBe(1);
    expect(clusterEffectOf([2, 2, 2, 2], [0, 0, 1, 1]).effectiveRows).toBe(4);
    expect(clusterEffectOf([Number.NaN, 2], [0, 1]).rows).toBe(1);
    expect(clusterEffect({ rows: [], sums: [], squares: [] }).effectiveRows).toBe(0);
  });

  test('Kolmogorov-Smirnov on effective rows holds its level where it alarms without reason on rows', () => {
    const random = randomIndex(5);
    const bell = (): number => Array.from({ length: 12 }, () => random(2 ** 32) / 2 ** 32).reduce((a, b) => a + b) - 6;
    const window = (): { readonly values: number[]; readonly clusters: number[] } => {
      const rows = Array.from({ length: 20 }, (_, cluster) => {
        const own = bell();
        return Array.from({ length: 50 }, () => [own + bell(), cluster] as const);
      }).flat();
      return { values: rows.map(([value]) => value), clusters: rows.map(([, cluster]) => cluster) };
    };
    let [onRows, onEffective] = [0, 0];
    const runs = 150;
    for (let run = 0; run < runs; run += 1) {
      const [a, b] = [window(), window()];
      const { statistic } = ksTwoSample(a.values, b.values, { exactStepsMax: 0 });
      const [n, m] = [a, b].map(({ values, clusters }) => clusterEffectOf(values, clusters).effectiveRows);
      if (ksPValueAsymptotic(statistic, 1000, 1000) < 0.05) onRows += 1;
      if (ksPValueAsymptotic(statistic, n ?? 0, m ?? 0) < 0.05) onEffective += 1;
    }
    expect(onRows / runs).toBeGreaterThan(0.6);
    expect(onEffective / runs).toBeLessThan(0.1);
  });
});
