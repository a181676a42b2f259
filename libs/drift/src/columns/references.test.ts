import { drift } from '@everloop/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { uniforms } from '../../test/fixtures.ts';
import { baselineProblem } from '../panes/baseline.ts';
import { buildReferences } from './references.ts';
import type { TrainingColumn } from './training-columns.ts';

const number = (name: string, values: readonly number[]): TrainingColumn => ({ name, type: 'number', values });
const text = (name: string, values: readonly string[]): TrainingColumn => ({
  name,
  type: 'category',
  text: true,
  values,
});

function byName(fields: readonly drift.FieldReference[], name: string): drift.FieldReference {
  const field = fields.find((each) => each.field === name);
  if (field === undefined) throw new Error(`no field ${name}`);
  return field;
}

const rowsOf = ({ counts, missing }: drift.FieldReference): number => counts.reduce((a, b) => a + b, missing);

describe('inputs', () => {
  test('numbers, categories, the verdict and attributions are columns', () => {
    const fields = buildReferences(
      [number('temp', [1, 2, 3.5]), { name: 'carrier', type: 'category', values: ['a', 'b', ''] }],
      [],
    );
    expect(fields.map(({ field, kind }) => [field, kind])).toEqual([
      ['temp', 'numeric'],
      ['carrier', 'categorical'],
      ['gate.verdict', 'categorical'],
      ['attribution.temp', 'numeric'],
      ['attribution.carrier', 'numeric'],
    ]);
    expect(fields.map(rowsOf)).toEqual([3, 3, 0, 0, 0]);
    expect(byName(fields, 'carrier')).toMatchObject({ counts: [1, 1, 0], missing: 1 });
  });

  test.each([
    ['zeros and ones', [0, 1, 1, Number.NaN], 'categorical', ['1', '0'], [2, 1, 0]],
    ['only zeros', [0, 0, -0, 0], 'categorical', ['0'], [4, 0]],
    ['a two among them', [0, 1, 1, 2], 'numeric', [], null],
    ['nothing', [Number.NaN], 'numeric', [], null],
  ])('a boolean is told by its values: %s', (_, values, kind, categories, counts) => {
    const [field] = buildReferences([number('isHoliday', values)], []);
    expect(field).toMatchObject({ field: 'isHoliday', kind, categories });
    if (counts !== null) expect(field?.counts).toEqual(counts);
  });
});

describe('texts', () => {
  test('four columns that all know how many were missing', () => {
    const fields = buildReferences([text('remark', ['fog at gate', 'snow', '', 'Ёлка'])], []);
    expect(fields.slice(0, 4).map(({ field, missing }) => [field, missing])).toEqual([
      ['remark.length', 1],
      ['remark.encoding', 1],
      ['remark.unknownWords', 1],
      ['remark.ngrams', 0],
    ]);
    expect(byName(fields, 'remark.encoding')).toMatchObject({ categories: ['ascii', 'cyrillic'], counts: [2, 1, 0] });
    expect(byName(fields, 'remark.length')).toMatchObject({ kind: 'numeric', counts: expect.anything() });
  });

  test('a word is known where other rows know it: two rows do, each needs a third', () => {
    const fields = buildReferences([text('remark', ['fog fog', 'fog', 'fog', 'rain', 'rain'])], []);
    const { measure, counts, edges } = byName(fields, 'remark.unknownWords');
    expect(measure?.vocabulary).toEqual(['fog', 'rain']);
    // Without one of its two rows nobody would have remembered the rain.
    expect([edges[0], counts[0], counts.slice(1).reduce((a, b) => a + b, 0)]).toEqual([0, 3, 2]);
  });

  test('the vocabulary is bounded, and does not depend on the order of rows', () => {
    const words = Array.from({ length: 6_000 }, (_, i) => `w${i} w${Math.floor(i / 2)} w${Math.floor(i / 3)}`);
    const { measure } = byName(buildReferences([text('remark', words)], []), 'remark.unknownWords');
    expect(measure?.vocabulary.length).toBeGreaterThan(1_000);
    expect(measure?.vocabulary.length).toBeLessThanOrEqual(4_000);
    expect(buildReferences([text('remark', words.toReversed())], [])).toEqual(
      buildReferences([text('remark', words)], []),
    );
  });

  test('3-grams that come together in a text are worth fewer', () => {
    const next = uniforms(7);
    const letters = () => Array.from({ length: 12 }, () => 'abcdefgh'.charAt(Math.floor(next() * 8))).join('');
    const mixed = Array.from({ length: 400 }, letters);
    const repeated = mixed.map((each) => `${each} ${each} ${each}`);
    const effect = (values: readonly string[]) =>
      byName(buildReferences([text('t', values)], []), 't.ngrams').measure?.repeatEffect ?? 0;
    expect(effect(mixed)).toBeLessThan(1.6);
    // Three copies are worth little more than one: three and what the ends of each text add.
    expect(effect(repeated)).toBeGreaterThan(2.5);
    expect(effect(['same'])).toBe(1);
  });
});

describe('embeddings', () => {
  const next = uniforms(11);
  const along = Array.from({ length: 600 }, () => next() - 0.5);
  const columns = [0, 1, 2, 3].map((k) =>
    number(
      `e${k}`,
      along.map((x) => x * (k + 1) + 0.01 * (next() - 0.5)),
    ),
  );
  const inputs = columns.map(({ name }) => name);

  test('norm, components and residual instead of the numbers, of rows that the plane was not fitted to', () => {
    const fields = buildReferences([...columns, number('temp', along)], [{ name: 'words', inputs, components: 2 }]);
    expect(fields.map(({ field }) => field)).toEqual([
      'temp',
      'words.norm',
      'words.component1',
      'words.component2',
      'words.residual',
      'gate.verdict',
      'attribution.temp',
    ]);
    expect(rowsOf(byName(fields, 'words.norm'))).toBe(300);
    // Nearly all of it lies along one direction.
    expect(Math.max(...byName(fields, 'words.residual').edges)).toBeLessThan(0.1);
    expect(Math.max(...byName(fields, 'words.component1').edges)).toBeGreaterThan(2);
  });

  test('no more components than leave a residual; rows with a gap are missing in proportion', () => {
    const gaps = columns.map((column, k) =>
      k === 0
        ? number(
            'e0',
            Array.from(column.values, (value, row) => (row % 3 === 0 ? NaN : Number(value))),
          )
        : column,
    );
    const fields = buildReferences(gaps, [{ name: 'words', inputs, components: 9 }]);
    expect(fields.filter(({ field }) => field.includes('component'))).toHaveLength(3);
    expect(byName(fields, 'words.norm')).toMatchObject({ missing: 100 });
    expect(rowsOf(byName(fields, 'words.norm'))).toBe(300);
  });

  test('without a complete row everything is missing', () => {
    const none = columns.map(({ name }) => number(name, [Number.NaN, Number.NaN]));
    const fields = buildReferences(none, [{ name: 'words', inputs, components: 2 }]);
    expect(byName(fields, 'words.norm')).toMatchObject({ missing: 2, edges: [], counts: [0] });
  });
});

test('whatever the rows are, the references can be used, also through JSON', () => {
  // Whose squares are finite.
  const value = fc.oneof(fc.double({ min: -1e100, max: 1e100 }), fc.constantFrom(0, 1, Number.NaN, Infinity));
  const row = fc.tuple(value, value, fc.string({ unit: 'grapheme' }), fc.string());
  fc.assert(
    fc.property(fc.array(row, { maxLength: 40 }), (rows) => {
      const columns = [
        number(
          'a',
          rows.map(([a]) => a),
        ),
        number(
          'b',
          rows.map(([, b]) => b),
        ),
        text(
          't',
          rows.map(([, , t]) => t),
        ),
        { name: 'c', type: 'category' as const, values: rows.map(([, , , c]) => c) },
      ];
      const fields = buildReferences(columns, [{ name: 'ab', inputs: ['a', 'b'], components: 1 }]);
      const message = drift.Baseline.fromPartial({ fields: [...fields] });
      expect(baselineProblem(message)).toBeNull();
      // As text, since -0 comes back as 0.
      const json = JSON.stringify(drift.Baseline.toJSON(message));
      expect(JSON.stringify(drift.Baseline.toJSON(drift.Baseline.fromJSON(JSON.parse(json))))).toBe(json);
    }),
    { numRuns: 60 },
  );
});
