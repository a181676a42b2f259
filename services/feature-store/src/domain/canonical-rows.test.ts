import { createHash } from 'node:crypto';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { CanonicalRows } from './canonical-rows.ts';

const columns = [
  { name: 'n', type: 'number' },
  { name: 't', type: 'string' },
] as const;

function hash(rows: readonly (readonly [number, string | null])[], blockRows: number): string {
  const canonical = new CanonicalRows(columns);
  for (let from = 0; from < rows.length; from += blockRows) {
    const block = rows.slice(from, from + blockRows);
    canonical.add(
      [
        { type: 'number', values: Float64Array.from(block, ([n]) => n) },
        { type: 'string', values: block.map(([, t]) => t) },
      ],
      block.length,
    );
  }
  return canonical.digest();
}

describe('the hash of canonical rows', () => {
  it('is that of the documented bytes', () => {
    const row = Buffer.alloc(8 + 4 + 2);
    row.writeDoubleLE(1.5, 0);
    row.writeUInt32LE(2, 8);
    row.write('ab', 12);
    const expected = createHash('sha256').update('[["n","number"],["t","string"]]').update(row).digest('hex');
    expect(hash([[1.5, 'ab']], 1)).toBe(expected);
  });

  it('does not depend on how rows are cut into blocks', () => {
    const row = fc.tuple(fc.double(), fc.option(fc.string({ maxLength: 200_000 })));
    fc.assert(
      fc.property(fc.array(row, { maxLength: 20 }), fc.integer({ min: 1, max: 7 }), (rows, size) => {
        expect(hash(rows, size)).toBe(hash(rows, 1_000));
      }),
    );
  });

  it.each([
    ['a null and an empty text', [[1, null]], [[1, '']]],
    [
      'two orders',
      [
        [1, 'a'],
        [2, 'b'],
      ],
      [
        [2, 'b'],
        [1, 'a'],
      ],
    ],
    ['a missing number and zero', [[Number.NaN, 'a']], [[0, 'a']]],
  ] as [string, [number, string | null][], [number, string | null][]][])('tells %s apart', (_, a, b) => {
    expect(hash(a, 10)).not.toBe(hash(b, 10));
  });

  it('takes both zeros for one', () => {
    expect(hash([[-0, 'a']], 1)).toBe(hash([[0, 'a']], 1));
  });
});
