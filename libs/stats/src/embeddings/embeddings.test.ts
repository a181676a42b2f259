import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sample } from '../../test/recipe.ts';
import { medianDistance, mmdLinear, mmdTest, type Rows } from './mmd.ts';
import { fitPca, pcaResidual } from './pca.ts';

/** 400 rows of 6 columns, of which some hang together; the same as in the programs that computed the expected numbers. */
function correlated(): Rows {
  const values = Float64Array.from(sample({ kind: 'bell', seed: 81, n: 2400 }));
  for (let i = 0; i < 400; i += 1) {
    const [a, b, c, d, e] = values.subarray(6 * i, 6 * i + 6);
    const second = (a ?? 0) + 0.3 * (b ?? 0);
    values[6 * i + 1] = second;
    values[6 * i + 2] = (a ?? 0) - second + 0.5 * (c ?? 0);
    values[6 * i + 4] = 2 * (d ?? 0) + 0.2 * (e ?? 0);
  }
  return { values, columns: 6 };
}

const slice = ({ values, columns }: Rows, from: number, to: number, shift = 0): Rows => ({
  values: values.slice(from * columns, to * columns).map((value) => value + shift),
  columns,
});

const bells = (seed: number, n: number, shift = 0, scale = 1): Rows => ({
  values: Float64Array.from(sample({ kind: 'bell', seed, n: 4 * n, shift, scale })),
  columns: 4,
});

describe('maximum mean discrepancy', () => {
  const rows = correlated();

  test('equals the definition computed with NumPy 2.4.6', () => {
    const [a, b] = [slice(rows, 0, 60), slice(rows, 60, 100, 0.4)];
    expect(mmdTest(a, b, { bandwidth: 2.5, permutations: 0 }).statistic).toBeCloseTo(0.058_433_571_095_865_89, 12);
    const linear = mmdLinear(a, b, 2.5);
    expect(linear.statistic).toBeCloseTo(0.071_835_784_364_042_86, 12);
    expect(linear.pValue).toBeCloseTo(0.155_989_847_788_128_8, 10);
    expect(medianDistance(slice(rows, 0, 51))).toBeCloseTo(3.375_992_090_709_237_6, 12);
  });

  test('does not alarm without drift, finds a shift and a change of spread', () => {
    let [quiet, quietLinear] = [0, 0];
    for (let seed = 1; seed <= 60; seed += 1) {
      const [a, b] = [bells(2 * seed, 40), bells(2 * seed + 1, 40)];
      if (mmdTest(a, b, { bandwidth: 2.5, permutations: 99, seed }).pValue <= 0.05) quiet += 1;
      const [c, d] = [bells(2 * seed, 400), bells(2 * seed + 1, 400)];
      if (mmdLinear(c, d, 2.5).pValue <= 0.05) quietLinear += 1;
    }
    expect(quiet).toBeLessThanOrEqual(8);
    expect(quietLinear).toBeLessThanOrEqual(8);
    const reference = bells(1000, 100);
    expect(mmdTest(reference, bells(1001, 100, 0.7), { bandwidth: 2.5 }).pValue).toBe(1 / 200);
    expect(mmdTest(reference, bells(1002, 100, 0, 2), { bandwidth: 2.5 }).pValue).toBe(1 / 200);
    expect(mmdLinear(bells(1003, 1000), bells(1004, 1000, 0.7), 2.5).pValue).toBeLessThan(0.001);
  });

  test('is symmetric, unmoved by the order of rows, and the same for one seed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), (seed) => {
        const [a, b] = [bells(seed, 12), bells(seed + 1, 9, 0.5)];
        const options = { bandwidth: 2, permutations: 49, seed };
        const result = mmdTest(a, b, options);
        expect(mmdTest(a, b, options)).toEqual(result);
        expect(mmdTest(b, a, options).statistic).toBeCloseTo(result.statistic, 12);
        const turned = { columns: 4, values: Float64Array.from([...slice(a, 6, 12).values, ...slice(a, 0, 6).values]) };
        expect(mmdTest(turned, b, options).statistic).toBeCloseTo(result.statistic, 12);
      }),
      { numRuns: 30 },
    );
  });

  test('too few rows', () => {
    expect(mmdTest(bells(1, 1), bells(2, 5), { bandwidth: 1 }).pValue).toBeNaN();
    expect(mmdLinear(bells(1, 7), bells(2, 9), 1).pValue).toBeNaN();
    expect(medianDistance(bells(1, 1))).toBeNaN();
  });
});

describe('principal components', () => {
  const rows = correlated();
  const model = fitPca(rows, { components: 3, rounds: 100 });

  test('explain what numpy.linalg.eigh of NumPy 2.4.6 says', () => {
    const expected = [0.360_086_759_317_794_8, 0.306_101_455_346_117_43, 0.177_347_800_869_856_9];
    model.explained.forEach((share, i) => {
      expect(share).toBeCloseTo(expected[i] ?? 0, 7);
    });
    const residuals = Array.from({ length: 400 }, (_, i) => pcaResidual(model, rows, i));
    const first = [0.144_086_662_904_898_38, 0.130_236_245_489_769_2, 1.465_973_638_318_588_8];
    first.forEach((residual, i) => {
      expect(residuals[i]).toBeCloseTo(residual, 4);
    });
    expect(residuals.reduce((a, b) => a + b, 0) / 400).toBeCloseTo(0.797_578_103_132_377_4, 5);
  });

  test('are orthonormal and the same for one seed', () => {
    expect(fitPca(rows, { components: 3, rounds: 100 })).toEqual(model);
    for (let a = 0; a < 3; a += 1) {
      for (let b = 0; b <= a; b += 1) {
        let dot = 0;
        for (let k = 0; k < 6; k += 1) dot += (model.components[6 * a + k] ?? 0) * (model.components[6 * b + k] ?? 0);
        expect(dot).toBeCloseTo(a === b ? 1 : 0, 12);
      }
    }
  });

  test('see columns that no longer hang together, though each alone is as before', () => {
    const broken: Rows = { values: Float64Array.from(rows.values), columns: 6 };
    for (let i = 0; i < 400; i += 1) broken.values[6 * i + 4] = rows.values[6 * ((i + 7) % 400) + 4] ?? 0;
    const mean = (of: Rows): number => {
      let sum = 0;
      for (let i = 0; i < 400; i += 1) sum += pcaResidual(model, of, i);
      return sum / 400;
    };
    expect(mean(broken)).toBeGreaterThan(1.3 * mean(rows));
  });

  test('all components leave nothing, none leave the whole row', () => {
    const all = fitPca(rows, { components: 99 });
    expect(all.explained).toHaveLength(6);
    expect(pcaResidual(all, rows, 5)).toBeLessThan(1e-9);
    const none = fitPca(rows, { components: 0 });
    expect(pcaResidual(none, { values: Float64Array.from(none.mean), columns: 6 })).toBe(0);
  });

  test('constant columns and one row', () => {
    const flat = fitPca({ values: new Float64Array(20).fill(3), columns: 2 }, { components: 1 });
    expect(flat.explained).toEqual([0]);
    expect(fitPca({ values: Float64Array.of(1, 2), columns: 2 }, { components: 2 }).components).toEqual([]);
  });
});
