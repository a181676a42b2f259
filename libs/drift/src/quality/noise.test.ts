import { describe, expect, test } from 'vitest';
import { uniforms } from '../../test/fixtures.ts';
import { outcomeHourOf } from '../../test/outcomes.ts';
import { addNoise, alphaOf, boundOf, clustersOf, designEffect, noNoise, sequenceRadius, type Noise } from './noise.ts';

const day = 86_400_000;

describe('clusters', () => {
  const hours = Array.from({ length: 72 }, (_, i) => outcomeHourOf(i + 1, i));

  test('are days where a window has several, else hours', () => {
    expect(clustersOf(hours, 3 * day).map(({ hourMs, labelled }) => [hourMs / day, labelled])).toEqual([
      [0, 1440],
      [1, 1440],
      [2, 1440],
    ]);
    expect(clustersOf(hours.slice(0, 24), day)).toHaveLength(24);
  });

  test('come in the order of time from hours in any order', () => {
    expect(clustersOf(hours.toReversed(), 3 * day)).toEqual(clustersOf(hours, 3 * day));
  });
});

describe('noise', () => {
  test('of independent rows is one', () => {
    let noise = noNoise;
    for (let w = 0; w < 20; w += 1) {
      noise = addNoise(
        noise,
        Array.from({ length: 24 }, (_, i) => outcomeHourOf(w * 100 + i + 1, i)),
      );
    }
    expect(noise.freedom).toBe(20 * 23);
    expect(noise.between / noise.within).toBeGreaterThan(0.8);
    expect(noise.between / noise.within).toBeLessThan(1.2);
  });

  test('of hours that are good and bad as a whole is more, however high the whole window is', () => {
    const next = uniforms(7);
    const bad = Array.from({ length: 24 }, (_, i) =>
      outcomeHourOf(i + 1, i, { rows: 200, wrong: next() < 0.5 ? 0 : 2 }),
    );
    expect(designEffect(addNoise(noNoise, bad))).toBeGreaterThan(3);
    const high = Array.from({ length: 24 }, (_, i) => outcomeHourOf(i + 1, i, { rows: 200, wrong: 2 }));
    expect(designEffect(addNoise(noNoise, high))).toBeLessThan(1.7);
  });

  test('one cluster, or one with labels, says nothing', () => {
    const open = outcomeHourOf(2, 1, { isOpen: true });
    expect(addNoise(noNoise, [outcomeHourOf(1, 0)])).toBe(noNoise);
    expect(addNoise(noNoise, [outcomeHourOf(1, 0), open])).toBe(noNoise);
    expect(designEffect(noNoise)).toBe(1);
  });
});

describe('what a window may spend', () => {
  test('adds up to all, however many windows', () => {
    const spent = Array.from({ length: 10_000 }, (_, i) => alphaOf(0.05, i + 1)).reduce((a, b) => a + b, 0);
    expect(spent).toBeCloseTo(0.05, 5);
    expect(spent).toBeLessThan(0.05);
  });

  test('a bound from few clusters is wider', () => {
    const few: Noise = { between: 1, within: 1, freedom: 4 };
    // scipy.stats.t.ppf(0.975, 4) and norm.ppf(0.975), SciPy 1.17.1.
    expect(boundOf(0.025, few, 1e6)).toBeCloseTo(2.7764451052, 8);
    expect(boundOf(0.025, noNoise, 1e9)).toBeCloseTo(1.959964, 5);
  });
});

describe('confidence sequence from sums', () => {
  test('holds at all times at once', () => {
    const [runs, alpha] = [400, 0.1];
    let broken = 0;
    for (let run = 0; run < runs; run += 1) {
      const next = uniforms(run + 1);
      let [rows, sum] = [0, 0];
      let isBroken = false;
      for (let window = 0; window < 200; window += 1) {
        for (let i = 0; i < 50; i += 1) sum += next() - 0.5;
        rows += 50;
        isBroken ||= Math.abs(sum / rows) > sequenceRadius(1 / 12, rows, alpha, 1000);
      }
      if (isBroken) broken += 1;
    }
    expect(broken / runs).toBeLessThan(alpha);
  });

  test('narrows with rows, and is wider than a bound for one look', () => {
    const radii = [100, 1_000, 10_000, 100_000].map((rows) => sequenceRadius(1, rows, 0.05, 1_000));
    expect(radii).toEqual([...radii].sort((a, b) => b - a));
    expect(radii[1]).toBeGreaterThan(1.96 / Math.sqrt(1_000));
  });
});
