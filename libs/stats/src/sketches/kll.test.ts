import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ksTwoSample } from '../hypotheses/ks.ts';
import { randomIndex } from '../numerics/random.ts';
import { KllSketch, ksFromSketches, type KllState } from './kll.ts';

const values = fc.array(fc.double({ min: -1000, max: 1000, noNaN: true }), { maxLength: 400 });

function sketched(rows: Iterable<number>, seed = 1, size = 8): KllSketch {
  const sketch = new KllSketch({ size, seed });
  for (const row of rows) sketch.add(row);
  return sketch;
}

function merged(states: readonly KllState[], size = 8): KllSketch {
  const sketch = new KllSketch({ size, seed: 0 });
  for (const state of states) sketch.merge(state);
  return sketch;
}

const rankOf = (rows: readonly number[], x: number): number => rows.filter((row) => row <= x).length / rows.length;

function worstError(sketch: KllSketch, rows: readonly number[]): number {
  const sorted = Float64Array.from(rows).sort();
  const { values: kept, weights } = sketch.weighted();
  let [worst, j, below] = [0, 0, 0];
  for (let i = 0; i < sorted.length; i += 1) {
    if (sorted[i] === sorted[i + 1]) continue;
    for (; j < kept.length && (kept[j] ?? 0) <= (sorted[i] ?? 0); j += 1) below += weights[j] ?? 0;
    worst = Math.max(worst, Math.abs((i + 1) / sorted.length - below / sketch.rows));
  }
  return worst;
}

const shuffled = (count: number, seed: number): number[] => {
  const random = randomIndex(seed);
  const rows = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i -= 1) {
    const j = random(i + 1);
    [rows[i], rows[j]] = [rows[j] ?? 0, rows[i] ?? 0];
  }
  return rows;
};

describe('KllSketch', () => {
  test('ranks are never off by more than the certain bound, however rows are divided and merged', () => {
    fc.assert(
      fc.property(fc.array(values, { minLength: 1, maxLength: 5 }), (parts) => {
        const rows = parts.flat();
        const sketch = merged(parts.map((part, i) => sketched(part, i).state()));
        expect(sketch.rows).toBe(rows.length);
        if (rows.length === 0) return;
        expect(worstError(sketch, rows)).toBeLessThanOrEqual(sketch.rankError(1) + 1e-12);
        expect([sketch.min, sketch.max]).toEqual([Math.min(...rows) + 0, Math.max(...rows) + 0]);
      }),
    );
  });

  test('weights add up to the rows', () => {
    fc.assert(
      fc.property(fc.array(values, { minLength: 1, maxLength: 5 }), (parts) => {
        const { weights } = merged(parts.map((part, i) => sketched(part, i).state())).weighted();
        expect(weights.reduce((a, b) => a + b, 0)).toBe(parts.flat().length);
      }),
    );
  });

  test('merging is commutative exactly', () => {
    fc.assert(
      fc.property(values, values, (a, b) => {
        const [first, second] = [sketched(a, 1), sketched(b, 2)];
        const [left, right] = [sketched(a, 1), sketched(b, 2)];
        left.merge(second.state());
        right.merge(first.state());
        expect(left.state()).toEqual(right.state());
      }),
    );
  });

  test('merging is associative within the bounds of both', () => {
    fc.assert(
      fc.property(values, values, values, fc.double({ min: -1000, max: 1000, noNaN: true }), (a, b, c, x) => {
        const states = [a, b, c].map((part, i) => sketched(part, i + 1).state());
        const left = merged([merged(states.slice(0, 2)).state(), ...states.slice(2)]);
        const right = merged([...states.slice(0, 1), merged(states.slice(1)).state()]);
        expect(left.rows).toBe(right.rows);
        if (left.rows === 0) return;
        expect(Math.abs(left.rank(x) - right.rank(x))).toBeLessThanOrEqual(
          left.rankError(1) + right.rankError(1) + 1e-12,
        );
      }),
    );
  });

  test('the likely bound holds: every rank at once, in 200 sketches of merged parts', () => {
    let [beyondOne, beyondAll] = [0, 0];
    for (let run = 0; run < 200; run += 1) {
      const rows = shuffled(6000, run + 1);
      const parts = [0, 1, 2].map((part) => rows.slice(2000 * part, 2000 * (part + 1)));
      const sketch = merged(
        parts.map((part, i) => sketched(part, 7 * run + i, 40).state()),
        40,
      );
      if (Math.abs(sketch.rank(1999) - 1 / 3) > sketch.rankError(0.95)) beyondOne += 1;
      if (worstError(sketch, rows) > sketch.rankErrorEverywhere(0.95)) beyondAll += 1;
    }
    expect(beyondOne).toBeLessThanOrEqual(10);
    expect(beyondAll).toBeLessThanOrEqual(10);
  });

  test('a million rows: 1 % of rank with 700 numbers', () => {
    const sketch = new KllSketch({ seed: 5 });
    const random = randomIndex(5);
    for (let i = 0; i < 1_000_000; i += 1) sketch.add(random(2 ** 32));
    expect(sketch.weighted().values.length).toBeLessThan(700);
    expect(sketch.rankError(0.95)).toBeLessThan(0.025);
    for (let q = 0.01; q < 1; q += 0.01) {
      expect(Math.abs((sketch.quantile(q) + 1) / 2 ** 32 - q)).toBeLessThan(0.015);
    }
  });

  test('sorted, reversed and repeated rows', () => {
    for (const rows of [shuffled(5000, 1).sort((a, b) => a - b), shuffled(5000, 1).sort((a, b) => b - a)]) {
      const sketch = sketched(rows, 3, 100);
      expect(worstError(sketch, rows)).toBeLessThan(sketch.rankErrorEverywhere(0.99));
    }
    const one = sketched(new Float64Array(10_000).fill(7), 3, 100);
    expect([one.quantile(0.01), one.quantile(0.99), one.rank(6.9), one.rank(7)]).toEqual([7, 7, 0, 1]);
  });

  test('stored and read back it goes on as if nothing had been', () => {
    fc.assert(
      fc.property(values, values, (a, b) => {
        const [whole, read] = [sketched([...a], 9), new KllSketch({ size: 8, seed: 0 })];
        read.merge(JSON.parse(JSON.stringify(sketched(a, 9).state())) as KllState);
        expect(read.state()).toEqual(whole.state());
        for (const value of b) {
          whole.add(value);
          read.add(value);
        }
        expect(read.state()).toEqual(whole.state());
      }),
    );
  });

  test('up to its size it is exact', () => {
    const rows = shuffled(199, 4);
    const sketch = sketched(rows, 1, 200);
    expect(sketch.rankError(1)).toBe(0);
    expect(sketch.rankErrorEverywhere(0.5)).toBe(0);
    for (const x of [0, 50, 198]) expect(sketch.rank(x)).toBe(rankOf(rows, x));
  });

  test('no rows, NaN', () => {
    const sketch = new KllSketch();
    sketch.add(Number.NaN);
    expect([sketch.rows, sketch.quantile(0.5), sketch.rank(1), sketch.rankError(0.9)]).toEqual([0, NaN, NaN, 0]);
    sketch.merge(new KllSketch().state());
    expect([sketch.min, sketch.max]).toEqual([Infinity, -Infinity]);
  });
});

describe('Kolmogorov-Smirnov of sketches', () => {
  test('is within its error of that of the rows', () => {
    for (let run = 1; run <= 20; run += 1) {
      const [a, b] = [shuffled(8000, run), shuffled(5000, 100 + run).map((row) => 1.7 * row)];
      const { statistic, error } = ksFromSketches(sketched(a, run, 60), sketched(b, 100 + run, 60), 0.99);
      expect(Math.abs(statistic - ksTwoSample(a, b, { exactStepsMax: 0 }).statistic)).toBeLessThan(error);
      expect(error).toBeLessThan(0.35);
    }
  });

  test('a side without rows', () => {
    expect(ksFromSketches(new KllSketch(), sketched([1]), 0.9).statistic).toBeNaN();
  });
});
