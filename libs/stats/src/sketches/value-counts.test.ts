import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { distinctValues, hashText, repeatedShare, unknownShare, ValueCounts } from './value-counts.ts';

const counted = (texts: readonly string[], valuesMax: number): ValueCounts => {
  const counts = new ValueCounts(valuesMax);
  for (const text of texts) counts.add(hashText(text), 1, text);
  return counts;
};

describe('ValueCounts', () => {
  it('is the same for any division, order and nesting of merges, and exact up to its bound', () => {
    const lists = fc.array(fc.array(fc.integer({ min: 0, max: 60 }).map(String), { maxLength: 80 }), {
      minLength: 2,
      maxLength: 6,
    });
    fc.assert(
      fc.property(lists, fc.integer({ min: 1, max: 70 }), (parts, valuesMax) => {
        const all = parts.flat();
        const whole = counted(all, valuesMax).state();
        const left = new ValueCounts(valuesMax);
        for (const part of parts) left.merge(counted(part, valuesMax).state());
        const right = new ValueCounts(valuesMax);
        const inner = new ValueCounts(valuesMax);
        for (const part of parts.slice(1).toReversed()) inner.merge(counted(part.toReversed(), valuesMax).state());
        right.merge(inner.state());
        right.merge(counted(parts[0] ?? [], valuesMax).state());
        expect(left.state()).toEqual(whole);
        expect(right.state()).toEqual(whole);
        const distinct = new Set(all).size;
        expect(whole.complete).toBe(distinct <= valuesMax);
        expect(whole.values).toHaveLength(Math.min(distinct, valuesMax));
        for (const { text, count } of whole.values) expect(count).toBe(all.filter((each) => each === text).length);
      }),
      { numRuns: 400 },
    );
  });

  it('counts different, repeated and unknown values exactly while complete', () => {
    const state = counted(['a', 'b', 'a', 'c', 'a'], 10).state();
    expect(distinctValues(state)).toBe(3);
    expect(repeatedShare(state)).toBe(0.4);
    expect(unknownShare(state, new Set(['a', 'b'].map(hashText)))).toBe(0.2);
    expect([repeatedShare(counted([], 1).state()), unknownShare(counted([], 1).state(), new Set())]).toEqual([0, 0]);
  });

  it('estimates within its stated error beyond the bound', () => {
    const keys = Array.from({ length: 100_000 }, (_, i) => `key-${i}`);
    const state = counted([...keys, ...keys.slice(0, 25_000)], 4_096).state();
    expect(state.complete).toBe(false);
    // Five standard errors of 1/√4094.
    expect(Math.abs(distinctValues(state) / 100_000 - 1)).toBeLessThan(5 / Math.sqrt(4_094));
    expect(Math.abs(repeatedShare(state) - 0.2)).toBeLessThan(0.03);
  });
});

describe('hashText', () => {
  it('is a whole number below 2^53, spreads evenly, and has no collision among a million keys', () => {
    const hashes = new Set<number>();
    const buckets = Array.from({ length: 64 }, () => 0);
    for (let i = 0; i < 1_000_000; i += 1) {
      const hash = hashText(`flight-${i}`);
      hashes.add(hash);
      const bucket = Math.floor(hash / 2 ** 47);
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    }
    expect(hashes.size).toBe(1_000_000);
    // χ² with 63 degrees of freedom is above 125 once in 180,000 times.
    expect(buckets.reduce((sum, count) => sum + (count - 15_625) ** 2 / 15_625, 0)).toBeLessThan(125);
    expect(hashText('')).not.toBe(hashText('\0'));
    expect([...hashes].every((hash) => Number.isSafeInteger(hash) && hash >= 0)).toBe(true);
  });
});
