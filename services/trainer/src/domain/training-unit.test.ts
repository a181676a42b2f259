import type { ModelSpec } from '@everloop/contracts';
import { describe, expect, it } from 'vitest';
import { modelSpec } from '../../test/fakes.ts';
import { trainingUnit } from './training-unit.ts';

const split = { validationPercent: 10, testPercent: 10, salt: 's', gapMs: 0, strict: false } as const;
type Split = NonNullable<ModelSpec['training']['split']>;
const byColumn: Split = { ...split, by: 'group', column: 'tail' };
const byEntity: Split = { ...split, by: 'entity' };
const byTime: Split = { ...split, by: 'time' };

describe('what training rows belong to', () => {
  it.each<[string, string | undefined, Split | undefined, object | null]>([
    ['nobody names it', undefined, undefined, null],
    ['a split by time keeps nothing together', undefined, byTime, null],
    ['an input that a Monitor names', 'carrier', undefined, { field: 'carrier', column: 'carrier' }],
    ['the join key', 'id', undefined, { field: 'id', column: '__join_key' }],
    ['the column of the split', undefined, byColumn, { field: 'tail', column: '__group' }],
    ['the join key that the split hashes', undefined, byEntity, { field: 'id', column: '__join_key' }],
    ['the Monitor before the split', 'carrier', byColumn, { field: 'carrier', column: 'carrier' }],
    ['a Monitor that names the column of the split', 'tail', byColumn, { field: 'tail', column: '__group' }],
    ['a field that the training set does not have', 'shop', byColumn, null],
  ])('%s', (_, unit, of, expected) => {
    const spec = modelSpec(of === undefined ? {} : { training: { split: of } });
    expect(trainingUnit({ spec, ...(unit === undefined ? {} : { unit }) })).toEqual(expected);
  });
});
