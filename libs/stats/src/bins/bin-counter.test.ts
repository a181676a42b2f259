import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BinCounter, type BinCounts } from './bin-counter.ts';
import { binIndex, quantileEdges } from './bins.ts';

/** Numbers of every size, near each other, tied, and missing. */
const number = fc.oneof(
  fc.double(),
  fc.double({ min: -1, max: 1 }),
  fc.integer({ min: -5, max: 5 }),
  fc.double({ min: 1e12, max: 1e12 + 1, noNaN: true }),
  fc.constantFrom(Number.NaN, Infinity, -Infinity, 0, -0, Number.MIN_VALUE, -Number.MIN_VALUE, Number.MAX_VALUE),
);
const numbers = fc.array(number, { maxLength: 200 });

function ascending(values: readonly number[]): readonly number[] {
  return [...new Set(values.filter(Number.isFinite).map((x) => x + 0))].sort((a, b) => a - b);
}

function oneByOne(edges: readonly number[], values: readonly number[]): BinCounts {
  const counts = Array.from({ length: edges.length + 1 }, () => 0);
  let missing = 0;
  for (const value of values) {
    if (!Number.isFinite(value)) missing += 1;
    else counts[binIndex(edges, value)] = (counts[binIndex(edges, value)] ?? 0) + 1;
  }
  return { counts, missing };
}

describe('BinCounter', () => {
  test('counts as bisection does, edges themselves included', () => {
    fc.assert(
      fc.property(numbers, numbers, (edgesFrom, values) => {
        const edges = ascending(edgesFrom);
        const all = [...values, ...edges];
        const counter = new BinCounter(edges);
        counter.add(Float64Array.from(all));
        expect(counter.state()).toEqual(oneByOne(edges, all));
      }),
      { numRuns: 500 },
    );
  });

  test('any division and order of the rows, merged in any order, gives the same counts', () => {
    fc.assert(
      fc.property(numbers, fc.array(numbers, { minLength: 1, maxLength: 6 }), (edgesFrom, parts) => {
        const edges = ascending(edgesFrom);
        const whole = new BinCounter(edges);
        whole.add(Float64Array.from(parts.flat()));
        const states = parts.map((part) => {
          const counter = new BinCounter(edges);
          counter.add(Float64Array.from(part.toReversed()));
          return counter.state();
        });
        const [forward, backward] = [new BinCounter(edges), new BinCounter(edges)];
        for (const state of states) forward.merge(state);
        for (const state of states.toReversed()) backward.merge(state);
        expect(forward.state()).toEqual(whole.state());
        expect(backward.state()).toEqual(whole.state());
      }),
    );
  });

  test('a column of rows', () => {
    const rows = Float64Array.of(1, 10, 2, 20, 3, 30, 4, 40);
    const counter = new BinCounter([15, 35]);
    counter.add(rows, 1, rows.length, 2);
    expect(counter.counts).toEqual(Float64Array.of(1, 2, 1));
    counter.add(Float32Array.of(0, 15, 16), 1);
    expect(counter.counts).toEqual(Float64Array.of(2, 3, 1));
  });

  test('bins of heavy tails are found as those of even ones', () => {
    const values = Float64Array.from({ length: 4000 }, (_, i) => Math.exp((((i * 7919) % 4000) - 2000) / 100));
    const edges = quantileEdges(values, 256);
    const counter = new BinCounter(edges);
    counter.add(values);
    expect(counter.state()).toEqual(oneByOne(edges, [...values]));
    expect(Math.max(...counter.counts)).toBeLessThan(40);
  });

  test('no edges, no rows, and anew', () => {
    const counter = new BinCounter([]);
    counter.add(Float64Array.of(1, Number.NaN));
    expect(counter.state()).toEqual({ counts: [1], missing: 1 });
    counter.clear();
    counter.add(new Float64Array(0));
    expect(counter.state()).toEqual({ counts: [0], missing: 0 });
    expect(counter.missing).toBe(0);
  });
});
