import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sample } from '../../test/recipe.ts';
import { judgeFields } from './drift.ts';
import { type FieldValue, buildFieldReference, fieldIndex } from '../bins/field.ts';
import { chiSquareTwoSample } from '../hypotheses/chi-square.ts';
import { benjaminiHochberg } from '../hypotheses/false-discovery.ts';
import { psi, psiCritical } from '../distances/psi.ts';
import { clusterEffectOf } from '../resampling/effective-rows.ts';

const limits = { psi: 0.1, significance: 0.01 };
const counts = fc.array(fc.nat(1000), { minLength: 2, maxLength: 20 });

function pair(
  training: readonly FieldValue[],
  window: readonly FieldValue[],
  kind: 'numeric' | 'categorical' = 'numeric',
) {
  const reference = buildFieldReference(kind, 'f', training);
  const index = fieldIndex(reference);
  const bins = Array.from({ length: index.size }, () => 0);
  let missing = 0;
  for (const value of window) {
    const bin = index.indexOf(value);
    if (bin < 0) missing += 1;
    else bins[bin] = (bins[bin] ?? 0) + 1;
  }
  return { reference, current: { field: 'f', counts: bins, missing } };
}

describe('stability index', () => {
  test('symmetric, not negative, zero for itself', () => {
    fc.assert(
      fc.property(counts, (a) => {
        const b = [...a].reverse();
        fc.pre(a.some((count) => count > 0));
        expect(psi(a, a)).toBe(0);
        expect(psi(a, b)).toBeGreaterThanOrEqual(0);
        expect(psi(a, b)).toBeCloseTo(psi(b, a), 10);
      }),
    );
  });

  test('null mean is (B - 1)(1/N + 1/n), and the critical value is exceeded about as often as it says', () => {
    const reference = pair(sample({ kind: 'bell', seed: 901, n: 10_000 }), []).reference;
    const values: number[] = [];
    for (let seed = 0; seed < 300; seed += 1) {
      const window = sample({ kind: 'uniform', seed: 1000 + seed, n: 1000 });
      const bins = Array.from({ length: 10 }, () => 0);
      for (const u of window) bins[Math.floor(u * 10)] = (bins[Math.floor(u * 10)] ?? 0) + 1;
      values.push(
        psi(
          Array.from({ length: 10 }, () => 1000),
          bins,
        ),
      );
    }
    expect(reference.counts.length).toBe(256);
    // The reference is exact here, so only the window's share of the variance is left.
    expect(values.reduce((a, b) => a + b, 0) / values.length).toBeGreaterThan((9 / 1000) * 0.9);
    expect(values.reduce((a, b) => a + b, 0) / values.length).toBeLessThan((9 / 1000) * 1.1);
    const exceeded = values.filter((value) => value > psiCritical(10, 1e12, 1000, 0.05)).length / values.length;
    expect(exceeded).toBeGreaterThan(0.02);
    expect(exceeded).toBeLessThan(0.09);
  });

  test('empty sides', () => {
    expect(psi([0, 0], [1, 1])).toBeNaN();
    expect(psiCritical(10, 100, 0, 0.01)).toBe(Infinity);
    expect(psiCritical(1, 100, 100, 0.01)).toBe(0);
    expect(chiSquareTwoSample([5, 0], [3, 0])).toEqual({ statistic: 0, dof: 0, pValue: 1 });
  });
});

describe('Benjamini-Hochberg', () => {
  // The worked example of the paper, table 1: at .05 it rejects the four smallest of these 15.
  const paper = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719, 0.6528, 0.759, 1,
  ];
  test('the example of the paper', () => {
    expect(benjaminiHochberg(paper, 0.05).filter(Boolean).length).toBe(4);
  });
  test('unmoved by order; NaN never rejected; empty', () => {
    expect(benjaminiHochberg([...paper].reverse(), 0.05)).toEqual([...benjaminiHochberg(paper, 0.05)].reverse());
    expect(benjaminiHochberg([Number.NaN, 0.001], 0.05)).toEqual([false, true]);
    expect(benjaminiHochberg([], 0.05)).toEqual([]);
  });
});

describe('judging a window', () => {
  const training = sample({ kind: 'bell', seed: 77, n: 10_000 });

  test('no drift is stable, half a standard deviation has drifted', () => {
    const [still, moved] = judgeFields(
      [
        pair(training, sample({ kind: 'bell', seed: 78, n: 2000 })),
        pair(training, sample({ kind: 'bell', seed: 79, n: 2000, shift: 0.5 })),
      ],
      limits,
    );
    expect(still).toMatchObject({ drifted: false, missingRatio: 0 });
    expect(moved?.drifted).toBe(true);
    expect(moved?.ksStatistic).toBeGreaterThan(0.15);
    expect(moved?.psi).toBeGreaterThan(0.2);
  });

  test('a significant but tiny shift is below the effect floor', () => {
    const [field] = judgeFields([pair(training, sample({ kind: 'bell', seed: 80, n: 50_000, shift: 0.05 }))], limits);
    expect(field?.pValue).toBeLessThan(0.01);
    expect(field?.drifted).toBe(false);
  });

  test('a field that goes missing has drifted, also when it is missing altogether', () => {
    const half = sample({ kind: 'bell', seed: 81, n: 2000 }).map((value, i) => (i % 2 === 0 ? null : value));
    const none = half.map(() => null);
    const [some, all] = judgeFields([pair(training, half), pair(training, none)], limits);
    expect(some).toMatchObject({ drifted: true, missingRatio: 0.5 });
    expect(all).toMatchObject({ drifted: true, missingRatio: 1 });
    expect(all?.ksStatistic).toBeUndefined();
  });

  test('rows of few units alarm without reason, unless they count for what they are worth', () => {
    const reference = sample({ kind: 'bell', seed: 90, n: 10_000, scale: Math.SQRT2 });
    const clusters = Array.from({ length: 1000 }, (_, i) => Math.floor(i / 50));
    // Without the effect floor, which hides some of it.
    const testOnly = { psi: 0, significance: 0.05 };
    let [onRows, onEffective, found] = [0, 0, 0];
    const windows = 60;
    for (let run = 0; run < windows; run += 1) {
      const units = sample({ kind: 'bell', seed: 9000 + run, n: 20 });
      const values = sample({ kind: 'bell', seed: 9500 + run, n: 1000 }).map(
        (x, i) => x + (units[clusters[i] ?? 0] ?? 0),
      );
      const current = clusterEffectOf(values, clusters).designEffect;
      const [rows, moved] = [
        pair(reference, values),
        pair(
          reference,
          values.map((x) => x + 3),
        ),
      ];
      const designEffect = { reference: 1, current };
      const judged = judgeFields([rows], testOnly);
      const [still] = judgeFields([{ ...rows, designEffect }], testOnly);
      const [shifted] = judgeFields([{ ...moved, designEffect }], testOnly);
      if (judged[0]?.drifted === true) onRows += 1;
      if (still?.drifted === true) onEffective += 1;
      if (shifted?.drifted === true) found += 1;
    }
    expect(onRows / windows).toBeGreaterThan(0.5);
    expect(onEffective / windows).toBeLessThan(0.1);
    expect(found / windows).toBeGreaterThan(0.9);
  });

  test('a design effect is that many fewer rows, for a categorical field too', () => {
    const letters = Array.from({ length: 3000 }, (_, i) => 'abc'.charAt(i % 3));
    const some = letters.map((letter, i) => (i % 9 === 0 ? 'a' : letter));
    const whole = pair(letters, some, 'categorical');
    const third = pair(letters.slice(0, 1000), some.slice(0, 1000), 'categorical');
    const [corrected] = judgeFields([{ ...whole, designEffect: { reference: 3, current: 3 } }], limits);
    const [fewer] = judgeFields([third], limits);
    expect(Math.abs((corrected?.pValue ?? 0) / (fewer?.pValue ?? 1) - 1)).toBeLessThan(0.1);
    expect(corrected?.psiCritical).toBeCloseTo(fewer?.psiCritical ?? 0, 4);
  });

  test('unseen categories and empty windows', () => {
    const letters = Array.from({ length: 1000 }, (_, i) => 'abc'.charAt(i % 3));
    const unseen = letters.map((letter, i) => (i % 4 === 0 ? 'z' : letter));
    const [fresh, empty] = judgeFields(
      [pair(letters, unseen, 'categorical'), pair(letters, [], 'categorical')],
      limits,
    );
    expect(fresh?.drifted).toBe(true);
    expect(empty).toMatchObject({ drifted: false, psi: 0, pValue: 1 });
  });
});
