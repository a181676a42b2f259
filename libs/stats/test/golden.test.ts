import { describe, expect, test } from 'vitest';
import { binIndex, quantileEdges } from '../src/bins/bins.ts';
import { ksFromBins, ksPValueAsymptotic, ksPValueExact, ksTwoSample } from '../src/hypotheses/ks.ts';
import { chiSquareTwoSample } from '../src/hypotheses/chi-square.ts';
import { psi } from '../src/distances/psi.ts';
import { golden, sample } from './recipe.ts';

// Relative where the value is tiny: SciPy's path count and ours agree to about 1e-13, the stored figures have 17 digits.
function close(actual: number, expected: number, tolerance = 1e-9): void {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(
    tolerance * Math.min(1, Math.max(Math.abs(expected), 1e-290)),
  );
}

describe('against SciPy 1.17.1 and NumPy 2.4.6', () => {
  for (const [name, row] of Object.entries(golden.numeric)) {
    const reference = sample(row.reference);
    const current = sample(row.current);

    test(`${name}: samples are rebuilt`, () => {
      expect(Math.abs(reference.reduce((a, b) => a + b, 0) - row.check.reference_sum)).toBeLessThan(1e-6);
      expect(Math.abs(current.reduce((a, b) => a + b, 0) - row.check.current_sum)).toBeLessThan(1e-6);
    });

    test(`${name}: Kolmogorov-Smirnov`, () => {
      const result = ksTwoSample(reference, current);
      expect(Math.abs(result.statistic - row.ks.statistic)).toBeLessThan(1e-12);
      if (result.method === 'exact' && row.ks.used === 'exact') close(result.pValue, row.ks.pvalue);
      close(ksPValueAsymptotic(row.ks.statistic, reference.length, current.length), row.ks.p_kolmogorov);
    });

    const bins = row.psi?.quantile10;
    if (bins !== undefined) {
      test(`${name}: quantile bins and stability index with floor 1e-4`, () => {
        const edges = quantileEdges(reference, 10);
        expect(edges.length).toBe(bins.inner_edges.length);
        edges.forEach((edge, i) => {
          expect(Math.abs(edge - (bins.inner_edges[i] ?? Number.NaN))).toBeLessThan(1e-12);
        });
        const count = (values: readonly number[]): number[] => {
          const counts = Array.from({ length: edges.length + 1 }, () => 0);
          for (const value of values) counts[binIndex(edges, value)] = (counts[binIndex(edges, value)] ?? 0) + 1;
          return counts;
        };
        const [a, b] = [count(reference), count(current)];
        expect(Math.abs(psi(a, b, { floor: 1e-4 }) - bins.value)).toBeLessThan(1e-9);
        expect(ksFromBins(a, b)).toBeLessThanOrEqual(row.ks.statistic + 1e-12);
      });
    }
  }

  test('bell10kx9999: the exact law of 10^8 pairs', () => {
    close(ksPValueExact(golden.numeric['bell10kx9999']?.ks.statistic ?? 0, 10_000, 9_999), 0.029982172689726354);
  });

  for (const [name, row] of Object.entries(golden.categorical)) {
    test(`${name}: χ² and stability index`, () => {
      const result = chiSquareTwoSample(row.counts.reference, row.counts.current);
      expect(result.dof).toBe(row.chi2.dof);
      close(result.statistic, row.chi2.statistic);
      close(result.pValue, row.chi2.pvalue);
      expect(
        Math.abs(psi(row.counts.reference, row.counts.current, { floor: 1e-4 }) - row.psi['floor1e-4']),
      ).toBeLessThan(1e-9);
    });
  }
});
