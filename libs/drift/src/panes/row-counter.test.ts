import type { drift, serving } from '@everloop/contracts';
import { binIndex } from '@everloop/stats';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { baseline, hourOfRows, inference } from '../../test/fixtures.ts';
import { denseCounts } from './counts.ts';
import type { Row } from '../rows/row.ts';
import { RowCounter } from './row-counter.ts';

const reference = baseline();
const [temp] = reference.fields;
const edges = Float64Array.from(temp?.reference.edges ?? []);

function counted(rows: readonly Row[], counter = new RowCounter(reference)): readonly drift.FieldCounts[] {
  for (const row of rows) counter.add(row);
  return counter.take();
}

function tempsOf(rows: readonly serving.Inference[]): { readonly counts: readonly number[]; readonly missing: number } {
  const [first] = counted(rows);
  if (first === undefined) throw new Error('no column');
  return { counts: denseCounts(first, edges.length + 1), missing: first.missing };
}

describe('counting by columns', () => {
  test('is what looking up each value gives, over the ends of blocks', () => {
    const value = fc.oneof(fc.double({ min: -2, max: 3, noNaN: true }), fc.constant(null));
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 700 }),
        (values, times) => {
          const temps = Array.from({ length: times }, () => values).flat();
          const rows = temps.map((one, i) => inference(`${i}`, { eventTimeMs: 0, temp: one, carrier: 'a', score: 0 }));
          const expected = Array.from({ length: edges.length + 1 }, () => 0);
          for (const one of temps) {
            if (one === null) continue;
            const bin = binIndex(edges, one);
            expected[bin] = (expected[bin] ?? 0) + 1;
          }
          const missing = temps.filter((one) => one === null).length;
          expect(tempsOf(rows)).toEqual({ counts: expected, missing });
        },
      ),
      { numRuns: 30 },
    );
  });

  test('a counter that is used again begins anew', () => {
    const counter = new RowCounter(reference);
    const rows = hourOfRows(1, 0, 100, 0);
    const first = counted(rows, counter);
    counted(hourOfRows(2, 0, 50, 0.5), counter);
    expect(counted(rows, counter)).toEqual(first);
  });

  test('finds inputs by name when their order changes between rows', () => {
    const row = inference('a', { eventTimeMs: 0, temp: 0.5, carrier: 'a', score: 0.5 });
    const turned = { ...row, inputNames: [...row.inputNames].reverse(), inputValues: [...row.inputValues].reverse() };
    expect(counted([row, turned, row])).toEqual(counted([row, row, row]));
  });

  test.each<[string, serving.FeatureValue]>([
    ['text', { kind: { $case: 'text', value: '0.5' } }],
    ['no number', { kind: { $case: 'number', value: Number.NaN } }],
    ['an infinite number', { kind: { $case: 'number', value: Infinity } }],
    ['nothing', { kind: undefined }],
  ])('%s in a numeric column is missing', (_, value) => {
    const row = inference('a', { eventTimeMs: 0, temp: 0.5, carrier: 'a', score: 0.5 });
    expect(tempsOf([{ ...row, inputValues: [value, ...row.inputValues.slice(1)] }]).missing).toBe(1);
  });
});
