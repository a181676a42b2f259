import { drift, serving } from '@everloop/contracts';
import { describe, expect, test } from 'vitest';
import { columnProblem, columnReader } from './column-reader.ts';

const number = (value: number): serving.FeatureValue => ({ kind: { $case: 'number', value } });
const text = (value: string): serving.FeatureValue => ({ kind: { $case: 'text', value } });
const missing: serving.FeatureValue = { kind: { $case: 'missing', value: true } };

function reference(measure: Partial<drift.Measure>, bins: Partial<drift.FieldReference>): drift.FieldReference {
  return drift.FieldReference.fromPartial({ field: 'x.m', kind: 'numeric', ...bins, measure });
}

/** Counts of one row with the inputs x and y, and what was missing. */
function countOne(
  field: drift.FieldReference,
  values: readonly serving.FeatureValue[],
  row: Partial<serving.Inference> = {},
): { readonly counts: readonly number[]; readonly missing: number } {
  const reader = columnReader(field);
  if (reader === null) throw new Error('no reader');
  const counts = new Float64Array((field.kind === 'numeric' ? field.edges : field.categories).length + 1);
  const places = reader.inputs.map((name) => ['x', 'y'].indexOf(name));
  const inference = serving.Inference.fromPartial({ inputValues: [...values], ...row });
  const count = reader.countRow(inference, places, counts);
  return { counts: [...counts], missing: count };
}

test('an input or the score as it is needs no reader', () => {
  expect(columnReader(drift.FieldReference.fromPartial({ field: 'score', kind: 'numeric' }))).toBeNull();
});

describe('text', () => {
  const length = reference({ kind: 'length', inputs: ['x'] }, { edges: [3] });
  const encoding = reference(
    { kind: 'encoding', inputs: ['x'] },
    { kind: 'categorical', categories: ['ascii', 'latin'] },
  );
  const words = reference({ kind: 'unknown-words', inputs: ['x'], vocabulary: ['fog'] }, { edges: [0, 0.5] });
  test.each([
    ['length', length, text('four'), [0, 1], 0],
    ['length of a number that is a category', length, number(12), [1, 0], 0],
    ['no text', length, text(''), [0, 0], 1],
    ['missing', length, missing, [0, 0], 1],
    ['NaN', length, number(Number.NaN), [0, 0], 1],
    ['encoding', encoding, text('Öl'), [0, 1, 0], 0],
    ['encoding that training did not see', encoding, text('туман'), [0, 0, 1], 0],
    ['known words', words, text('Fog, fog'), [1, 0, 0], 0],
    ['half of them', words, text('fog snow'), [0, 1, 0], 0],
    ['unknown words', words, text('snow'), [0, 0, 1], 0],
  ])('%s', (_, field, value, counts, missed) => {
    expect(countOne(field, [value])).toEqual({ counts, missing: missed });
  });

  test('n-grams count as often as they come, and a missing text is left to its length', () => {
    const categories = Array.from({ length: 16 }, (_, i) => String(i));
    const grams = reference({ kind: 'ngrams', inputs: ['x'], buckets: 16 }, { kind: 'categorical', categories });
    const { counts, missing: missed } = countOne(grams, [text('aaaaaa')]);
    expect(missed).toBe(0);
    expect(counts.reduce((a, b) => a + b, 0)).toBe(6);
    expect(Math.max(...counts)).toBeGreaterThanOrEqual(4);
    expect(countOne(grams, [missing])).toEqual({ counts: counts.map(() => 0), missing: 0 });
  });
});

describe('embeddings', () => {
  const inputs = ['x', 'y'];
  const plane = { inputs, centre: [1, 0], spread: [2, 1], directions: [1, 0] };
  const norm = reference({ kind: 'norm', inputs }, { edges: [4.9, 5.1] });
  const component = reference({ kind: 'component', ...plane }, { edges: [1.4, 1.6] });
  const residual = reference({ kind: 'residual', ...plane }, { edges: [3.9, 4.1] });
  test.each([
    ['length of (3, 4) is 5', norm, [number(3), number(4)], [0, 1, 0], 0],
    ['place of 4 along x, 1.5 spreads from the centre', component, [number(4), number(9)], [0, 1, 0], 0],
    ['distance of (3, 4) from the x axis is 4', residual, [number(3), number(4)], [0, 1, 0], 0],
    ['one number is missing', norm, [number(3), missing], [0, 0, 0], 1],
    ['one number is missing of a component that does not read it', component, [number(3), missing], [0, 0, 0], 1],
    ['one number is missing of a residual', residual, [number(3), text('4')], [0, 0, 0], 1],
    ['an input is not there', norm, [number(3)], [0, 0, 0], 1],
  ])('%s', (_, field, values, counts, missed) => {
    expect(countOne(field, values)).toEqual({ counts, missing: missed });
  });
});

describe('the row', () => {
  const verdict = reference({ kind: 'verdict' }, { kind: 'categorical', categories: ['accept', 'flag'] });
  const attribution = reference({ kind: 'attribution', inputs: ['y'] }, { edges: [0] });
  const champion = { modelVersion: '1', championVersion: '1', attributions: [-1, 2] };
  test.each([
    ['verdict', verdict, { verdict: 'flag' }, [0, 1, 0]],
    ['verdict that is none of the known', verdict, { verdict: 'impute' }, [0, 0, 1]],
    ['a record without a verdict', verdict, {}, [0, 0, 0]],
    ['attribution of the second input', attribution, champion, [0, 1]],
    ['nobody asked for an explanation', attribution, { ...champion, attributions: [] }, [0, 0]],
    ['the explanation of a canary', attribution, { ...champion, modelVersion: '2' }, [0, 0]],
  ])('%s', (_, field, row, counts) => {
    expect(countOne(field, [number(1), number(2)], row)).toEqual({ counts, missing: 0 });
  });
});

test('what is not known is missing, and the baseline says why', () => {
  const field = reference({ kind: 'shape', inputs: ['x'] }, { edges: [0] });
  expect(countOne(field, [number(1)])).toEqual({ counts: [0, 0], missing: 1 });
  expect(columnProblem(field)).toBe('field x.m is measured by "shape", which is not known');
});

test.each([
  ['buckets', { kind: 'ngrams', inputs: ['x'], buckets: 8 }, /8 buckets and 0 categories/],
  ['centre', { kind: 'residual', inputs: ['x', 'y'], centre: [0], spread: [1, 1] }, /do not fit its 2 inputs/],
  ['direction', { kind: 'component', inputs: ['x'], centre: [0], spread: [1], directions: [1, 1] }, /one direction/],
  ['none', { kind: 'norm', inputs: ['x'] }, null],
])('a baseline whose columns cannot be computed: %s', (_, measure, expected) => {
  const problem = columnProblem(reference(measure, {}));
  if (expected === null) expect(problem).toBeNull();
  else expect(problem).toMatch(expected);
});
