import { describe, expect, test } from 'vitest';
import { hashText } from '@everloop/stats';
import { inference } from '../../test/fixtures.ts';
import { unitsMax } from './counts.ts';
import { countUnits, unitOf } from './units.ts';

const row = {
  ...inference('a', { eventTimeMs: 0, temp: 0.5, carrier: 'UA', score: 0.5 }),
  unit: 'draw',
  requestNames: ['shop', 'none'],
  requestValues: [{ kind: { $case: 'number' as const, value: 7 } }, { kind: undefined }],
};

describe('the unit of a row', () => {
  test.each([
    ['no field', undefined, 'draw'],
    ['an input', 'carrier', 'UA'],
    ['a number', 'temp', '0.5'],
    ['a request field', 'shop', '7'],
    ['a field without a value', 'none', 'draw'],
    ['a field that the row does not have', 'other', 'draw'],
  ])('%s', (_, field, expected) => {
    expect(unitOf(row, field)).toBe(expected);
  });
});

describe('counting units', () => {
  test('each with its rows, ascending by hash', () => {
    const counted = countUnits([row, { ...row, unit: 'b' }, row], undefined);
    const expected = [
      { hash: hashText('draw'), count: 2 },
      { hash: hashText('b'), count: 1 },
    ].sort((a, b) => a.hash - b.hash);
    expect(counted).toEqual({
      hashes: expected.map(({ hash }) => hash),
      counts: expected.map(({ count }) => count),
      incomplete: false,
    });
  });

  test('none where no row names one; a bounded number otherwise', () => {
    expect(countUnits([{ ...row, unit: '' }], undefined)).toBeUndefined();
    const many = countUnits(
      Array.from({ length: 3 * unitsMax }, (_, i) => ({ ...row, unit: `u${i}` })),
      undefined,
    );
    expect([many?.hashes.length, many?.incomplete]).toEqual([unitsMax, true]);
  });
});
