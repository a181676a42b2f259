import { describe, expect, test } from 'vitest';
import { hashText } from '@everloop/stats';
import { inference } from '../../test/fixtures.ts';
import { unitsMax } from './counts.ts';
import type { Row } from '../rows/row.ts';
import { distinctUnits, UnitCounter, unitOf } from './units.ts';

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

function countUnits(rows: readonly Row[]) {
  const counter = new UnitCounter(undefined);
  for (const one of rows) counter.add(one);
  return counter.counts();
}

const hashOf = (unit: string): number => Math.floor(hashText(unit) / 2 ** 21);

describe('counting units', () => {
  test('each with its rows, ascending by hash', () => {
    const counted = countUnits([row, { ...row, unit: 'b' }, row]);
    const expected = [
      { hash: hashOf('draw'), count: 2 },
      { hash: hashOf('b'), count: 1 },
    ].sort((a, b) => a.hash - b.hash);
    expect(counted).toEqual({
      hashes: expected.map(({ hash }) => hash),
      counts: expected.map(({ count }) => count),
      incomplete: false,
    });
  });

  test.each([300, 2_000, 6_000, 30_000])('%i different ones, each of two rows, are told', (different) => {
    const rows = Array.from({ length: 2 * different }, (_, i) => ({ ...row, unit: `u${i % different}` }));
    const counted = countUnits(rows);
    // Exact while all are kept, else within four standard errors of 1/√(k - 2).
    const tolerance = different <= unitsMax ? 0 : (4 * different) / Math.sqrt(unitsMax - 2);
    expect(Math.abs(distinctUnits(counted ?? { hashes: [], counts: [], incomplete: false }) - different)).toBeLessThanOrEqual(tolerance); // prettier-ignore
  });

  test('none where no row names one; a bounded number otherwise', () => {
    expect(countUnits([{ ...row, unit: '' }])).toBeUndefined();
    const many = countUnits(Array.from({ length: 3 * unitsMax }, (_, i) => ({ ...row, unit: `u${i}` })));
    expect([many?.hashes.length, many?.incomplete]).toEqual([unitsMax, true]);
  });
});
