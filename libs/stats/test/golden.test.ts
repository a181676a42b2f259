import { describe, expect, test } from 'vitest';
import { binIndex, quantileEdges } from '../src/bins/bins.ts';
import { jensenShannon, largestShareDifference } from '../src/distances/divergence.ts';
import { psi } from '../src/distances/psi.ts';
import { wasserstein1 } from '../src/distances/wasserstein.ts';
import { chiSquareGoodness, chiSquareTwoSample } from '../src/hypotheses/chi-square.ts';
import { ksFromBins, ksPValueAsymptotic, ksPValueFinite, ksTwoSample } from '../src/hypotheses/ks.ts';
import { evidentlyCategorical, evidentlyNumeric, nannymlCategorical, nannymlNumeric } from './peers.ts';
import { golden, sample } from './recipe.ts';

const tolerance = 1e-9;

/** Relative where the value is below 1: the stored figures have 17 digits, and tiny p-values must agree too. */
function close(actual: number, expected: number): void {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(
    tolerance * Math.min(1, Math.max(Math.abs(expected), 1e-290)),
  );
}

/** Square roots of differences near 0 keep half of the digits. */
function closeTo(actual: Readonly<Record<string, number>>, expected: Readonly<Record<string, number>>): void {
  expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, value] of Object.entries(expected)) {
    expect(Math.abs((actual[name] ?? Number.NaN) - value), name).toBeLessThan(tolerance * Math.max(1, value));
  }
}

function countsOn(edges: readonly number[], values: readonly number[]): number[] {
  const counts = Array.from({ length: edges.length + 1 }, () => 0);
  for (const value of values) counts[binIndex(edges, value)] = (counts[binIndex(edges, value)] ?? 0) + 1;
  return counts;
}

/** Inner edges of bins of equal width over the range of the values. */
function widthEdges(values: readonly number[], bins: number): readonly number[] {
  const [low, high] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
  return Array.from({ length: bins - 1 }, (_, i) => low + (i + 1) * ((high - low) / bins));
}

function below(values: readonly number[], x: number): number {
  return values.filter((value) => value <= x).length / values.length;
}

describe('numeric, against SciPy 1.17.1 and NumPy 2.4.6', () => {
  for (const [name, row] of Object.entries(golden.numeric)) {
    const reference = sample(row.reference);
    const current = sample(row.current);
    const [n, m] = [reference.length, current.length];

    test(`${name}: samples are rebuilt`, () => {
      expect(Math.abs(reference.reduce((a, b) => a + b, 0) - row.check.reference_sum)).toBeLessThan(1e-6);
      expect(Math.abs(current.reduce((a, b) => a + b, 0) - row.check.current_sum)).toBeLessThan(1e-6);
      expect(reference.slice(0, 3)).toEqual(row.check.reference_head);
      expect(current.slice(0, 3)).toEqual(row.check.current_head);
    });

    test(`${name}: Kolmogorov-Smirnov, exact and asymptotic`, () => {
      const isExact = row.ks.used === 'exact';
      const result = ksTwoSample(reference, current, { exactStepsMax: isExact ? Infinity : 0, beyond: 'finite' });
      expect(result.method === 'exact').toBe(isExact);
      expect(Math.abs(result.statistic - row.ks.statistic)).toBeLessThan(1e-15);
      expect(Math.abs(result.statistic - row.ks.statistic_asymp)).toBeLessThan(1e-15);
      close(result.pValue, row.ks.pvalue);
      if (row.ks.pvalue_asymp === null) expect(ksPValueFinite(result.statistic, n, m)).toBeNaN();
      else close(ksPValueFinite(result.statistic, n, m), row.ks.pvalue_asymp);
      close(ksPValueAsymptotic(result.statistic, n, m), row.ks.p_kolmogorov);
      // SciPy takes the first of equally large distances by rounding error, we by value: its place must hold the distance.
      expect(result.sign).toBe(row.ks.sign);
      const there = below(reference, row.ks.location) - below(current, row.ks.location);
      expect(Math.abs(result.sign * there - result.statistic)).toBeLessThan(1e-12);
      expect(result.location).toBeLessThanOrEqual(row.ks.location);
    });

    for (const bins of ['quantile10', 'width10'] as const) {
      const [shares, distances] = [row.psi?.[bins], row.js?.[bins]];
      if (shares === undefined || distances === undefined) continue;
      test(`${name}: ${bins}, stability index with floor 1e-4 and Jensen-Shannon`, () => {
        const edges = bins === 'quantile10' ? quantileEdges(reference, 10) : widthEdges(reference, 10);
        expect(edges.length).toBe(shares.inner_edges.length);
        edges.forEach((edge, i) => {
          expect(Math.abs(edge - (shares.inner_edges[i] ?? Number.NaN))).toBeLessThan(1e-12);
        });
        const [a, b] = [countsOn(edges, reference), countsOn(edges, current)];
        expect(a.map((count) => count / n)).toEqual(shares.reference);
        expect(b.map((count) => count / m)).toEqual(shares.current);
        expect(Math.abs(psi(a, b, { floor: 1e-4 }) - shares.value)).toBeLessThan(tolerance);
        expect(Math.abs(jensenShannon(a, b) - distances.e)).toBeLessThan(tolerance);
        expect(Math.abs(jensenShannon(a, b, { base: 2 }) - distances['2'])).toBeLessThan(tolerance);
        expect(ksFromBins(a, b)).toBeLessThanOrEqual(row.ks.statistic + 1e-12);
      });
    }

    test(`${name}: Wasserstein-1`, () => {
      close(wasserstein1(reference, current), row.wasserstein.value);
      expect(evidentlyNumeric(reference, current)['wasserstein']).toBeCloseTo(row.wasserstein.norm, 9);
    });

    test(`${name}: the figures of Evidently and NannyML, by their conventions`, () => {
      closeTo(evidentlyNumeric(reference, current), row.evidently);
      closeTo(nannymlNumeric(reference, current), row.nannyml);
    });
  }
});

describe('categorical, against SciPy 1.17.1', () => {
  for (const [name, row] of Object.entries(golden.categorical)) {
    const [values, currentValues] = [sample(row.reference), sample(row.current)];
    const count = (all: readonly number[]): number[] =>
      row.counts.keys.map((key) => all.filter((value) => value === key).length);
    const [reference, current] = [count(values), count(currentValues)];

    test(`${name}: counts, χ², stability index and distances`, () => {
      expect(reference).toEqual(row.counts.reference);
      expect(current).toEqual(row.counts.current);
      const result = chiSquareTwoSample(reference, current);
      expect(result.dof).toBe(row.chi2.dof);
      close(result.statistic, row.chi2.statistic);
      close(result.pValue, row.chi2.pvalue);
      if (row.chi2.yates !== undefined) {
        const corrected = chiSquareTwoSample(reference, current, { yates: true });
        close(corrected.statistic, Number(row.chi2.yates.statistic));
        close(corrected.pValue, row.chi2.yates.pvalue);
      }
      const fit = chiSquareGoodness(current, reference);
      if (row.chi2.gof.statistic === 'inf') expect(fit.statistic).toBe(Infinity);
      else close(fit.statistic, row.chi2.gof.statistic);
      close(fit.pValue, row.chi2.gof.pvalue);
      close(psi(reference, current, { floor: 1e-4 }), row.psi['floor1e-4']);
      close(jensenShannon(reference, current), row.js.e);
      close(jensenShannon(reference, current, { base: 2 }), row.js['2']);
      close(largestShareDifference(reference, current), row.l_infinity);
    });

    test(`${name}: the figures of Evidently and NannyML, by their conventions`, () => {
      closeTo(evidentlyCategorical(values, currentValues), row.evidently);
      closeTo(nannymlCategorical(values, currentValues), row.nannyml);
    });
  }
});
