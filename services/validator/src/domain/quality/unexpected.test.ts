import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { UnexpectedCounts, unexpectedMax } from './unexpected.ts';

function counted(columns: readonly string[]): UnexpectedCounts {
  const counts = new UnexpectedCounts();
  for (const column of columns) counts.add(column, 1);
  return counts;
}

describe('UnexpectedCounts', () => {
  it('is empty at first', () => {
    expect(new UnexpectedCounts().toWire()).toEqual([]);
  });

  it('has the first columns by name with their counts, in any order and any split', () => {
    const column = fc.nat(2 * unexpectedMax).map((number) => `c${number}`);
    const parts = fc.array(fc.array(column, { maxLength: 300 }), { maxLength: 6 });
    fc.assert(
      fc.property(parts, (batches) => {
        const merged = new UnexpectedCounts();
        for (const part of batches.toReversed())
          for (const { column: name, rows } of counted(part).toWire()) merged.add(name, rows);
        const all = batches.flat();
        const expected = [...new Set(all)]
          .sort()
          .slice(0, unexpectedMax)
          .map((name) => ({ column: name, rows: all.filter((each) => each === name).length }));
        expect(merged.toWire()).toEqual(expected);
        expect(counted(all).toWire()).toEqual(expected);
      }),
    );
  });
});
