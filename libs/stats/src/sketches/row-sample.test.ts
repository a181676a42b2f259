import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RowSample, sampleError, type RowSampleState } from './row-sample.ts';
import { hashText } from './value-counts.ts';

const ids = fc.array(fc.string({ maxLength: 4 }), { maxLength: 60 });

function sampled(rows: readonly string[], rowsMax = 10): RowSample<string> {
  const sample = new RowSample<string>(rowsMax);
  for (const row of rows) sample.add(hashText(row), row);
  return sample;
}

describe('RowSample', () => {
  test('is the same however rows are divided, merged, ordered and repeated', () => {
    fc.assert(
      fc.property(fc.array(ids, { minLength: 1, maxLength: 5 }), (parts) => {
        const all = sampled(parts.flat()).state();
        expect(sampled([...parts.flat(), ...parts.flat().toReversed()]).state().rows).toEqual(all.rows);
        const states = parts.map((part) => sampled(part.toReversed()).state());
        for (const order of [states, states.toReversed()]) {
          const merged = new RowSample<string>(10);
          for (const state of order) merged.merge(JSON.parse(JSON.stringify(state)) as RowSampleState<string>);
          expect(merged.state()).toEqual(all);
        }
      }),
    );
  });

  test('holds all rows while they fit, and says when not', () => {
    fc.assert(
      fc.property(ids, (rows) => {
        const { rows: kept, isComplete } = sampled(rows).state();
        expect(isComplete).toBe(new Set(rows).size <= 10);
        expect(kept).toHaveLength(Math.min(10, new Set(rows).size));
      }),
    );
  });

  test('is uniform: its distribution is that of all rows within the bound', () => {
    const sample = new RowSample<number>(500);
    for (let i = 0; i < 20_000; i += 1) sample.add(hashText(`row-${i}`), i);
    const rows = sample.state().rows.map(({ row }) => row / 20_000);
    rows.sort((a, b) => a - b);
    const worst = rows.reduce((most, x, i) => Math.max(most, Math.abs(x - (i + 1) / rows.length)), 0);
    expect(worst).toBeLessThan(sampleError(500, 0.99));
  });

  test('tells beforehand which rows it leaves out', () => {
    const sample = sampled(Array.from({ length: 100 }, (_, i) => `${i}`));
    expect(sample.takes(2 ** 53 - 1)).toBe(false);
    expect(sample.takes(0)).toBe(true);
  });
});
