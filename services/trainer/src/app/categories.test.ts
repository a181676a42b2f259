import type { GatedField, ModelSpec, SplitSpec } from '@everloop/contracts';
import type { Column, ColumnTable } from '@everloop/storage';
import { describe, expect, it } from 'vitest';
import { dayMs, modelSpec } from '../../test/fakes.ts';
import { trainedCategories } from './categories.ts';
import { findHoldouts } from './rows.ts';

const split: SplitSpec = {
  train: { fromMs: 0, untilMs: 60 * dayMs },
  timeHoldout: { fromMs: 60 * dayMs, untilMs: 100 * dayMs },
  fixedHoldoutPercent: 10,
  fixedHoldoutSalt: 's',
};

/** A thousand rows a day, of the given carriers. */
function tableOf(carriers: readonly (string | null)[], more: Readonly<Record<string, Column>> = {}): ColumnTable {
  const numbers = (of: (row: number) => number): Column => ({
    type: 'number',
    values: Float64Array.from(carriers, (_, row) => of(row)),
  });
  const columns = {
    carrier: { type: 'string' as const, values: [...carriers] },
    ...{ x: numbers((row) => row), y: numbers((row) => row), ...more },
    __join_key: { type: 'string' as const, values: carriers.map((_, row) => `k${row}`) },
    __time_ms: numbers((row) => row * (dayMs / 1_000)),
    __label: numbers((row) => row % 2),
  };
  return { rows: carriers.length, columns: new Map(Object.entries(columns)) };
}

const categoriesOf = (table: ColumnTable, spec: ModelSpec = modelSpec(), splitBy = split) =>
  trainedCategories({ table, spec, split: splitBy, rowOf: findHoldouts(table, splitBy).rowOf });
const checked = (more: Partial<GatedField> = {}, spec = modelSpec()): ModelSpec => ({
  ...spec,
  request: spec.request.map((field) => (field.name === 'carrier' ? { ...field, values: 'training', ...more } : field)),
});

describe('trainedCategories', () => {
  it('are those of the training rows, without what only the holdouts have', () => {
    const table = tableOf(Array.from({ length: 1_000 }, (_, row) => (row % 7 === 0 ? null : `c${row % 3}`)));
    const short = {
      ...split,
      train: { fromMs: 0, untilMs: dayMs / 2 },
      timeHoldout: { fromMs: dayMs / 2, untilMs: dayMs },
    };
    const { timeHoldout, fixedHoldout } = findHoldouts(table, short);
    const held = new Set([...timeHoldout, ...fixedHoldout]);
    const column = table.columns.get('carrier');
    if (column?.type !== 'string') throw new Error('no carriers');
    const values = column.values.map((value, row) => (held.has(row) ? `held ${row}` : value));
    const columns = new Map([...table.columns, ['carrier', { ...column, values }]]);
    expect(held.size).toBeGreaterThan(500);
    expect(categoriesOf({ ...table, columns }, modelSpec(), short)).toEqual([
      { field: 'carrier', count: 3, values: ['c0', 'c1', 'c2'] },
    ]);
  });

  it('are of request fields only, each once, whether or not the Model checks them', () => {
    const spec = modelSpec();
    const inputs = [
      ...spec.inputs,
      { name: 'again', type: 'category' as const, from: 'request.carrier' },
      { name: 'vehicle', type: 'category' as const, from: 'courier.vehicle' },
    ];
    const texts: Column = { type: 'string', values: ['v', 'w'] };
    const found = categoriesOf(tableOf(['b', 'a'], { again: texts, vehicle: texts }), { ...spec, inputs });
    expect(found).toEqual([{ field: 'carrier', count: 2, values: ['a', 'b'] }]);
    const numeric = { ...spec, inputs: spec.inputs.filter(({ type }) => type === 'number') };
    expect(categoriesOf(tableOf(['a']), numeric)).toEqual([]);
  });

  const many = Array.from({ length: 12_000 }, (_, row) => `c${row}`);
  it('say how many there were where they are too many, which a Model that does not check them may have', () => {
    const [found] = categoriesOf(tableOf(many));
    expect(found?.values).toBeNull();
    expect(found?.count).toBeGreaterThan(10_000);
  });

  const replaces = { missing: 'reject', notFinite: 'reject', outOfRange: 'reject', unseen: 'default' } as const;
  it.each<[string, readonly (string | null)[], ModelSpec, RegExp]>([
    ['too many', many, checked(), /"carrier" has 1\d{4} categories, more than 10000/],
    [
      'a default that is none',
      ['a', 'b'],
      { ...checked({ default: 'zz' }), gate: replaces },
      /"zz" of "carrier" is none of its 2/,
    ],
    ['no column', ['a'], checked({}, { ...modelSpec(), inputs: [] }), /no column of request field "carrier"/],
  ])('refuse the training of a Model that checks them: %s', (_name, carriers, spec, message) => {
    expect(() => categoriesOf(tableOf(carriers), spec)).toThrow(
      expect.objectContaining({
        code: 'EVL_TRAINER_CATEGORIES_REFUSED',
        message: expect.stringMatching(message) as string,
      }),
    );
  });

  it.each([
    ['is one', { ...checked({ default: 'a' }), gate: replaces }],
    ['is never used', checked({ default: 'zz' })],
  ])('let a default be that %s', (_name, spec) => {
    expect(categoriesOf(tableOf(['a', 'b']), spec)).toHaveLength(1);
  });
});
