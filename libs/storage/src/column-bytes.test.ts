import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { concatColumns, decodeColumns, encodeColumns } from './column-bytes.ts';
import type { Column, ColumnTable } from './duckdb.ts';

const cell = fc.record({ x: fc.double(), t: fc.option(fc.string({ unit: 'binary' })) });
const table = (rows: readonly { readonly x: number; readonly t: string | null }[]): ColumnTable => ({
  rows: rows.length,
  columns: new Map<string, Column>([
    ['x', { type: 'number', values: Float64Array.from(rows, ({ x }) => x) }],
    ['t', { type: 'string', values: rows.map(({ t }) => t) }],
  ]),
});

describe('columns as bytes', () => {
  it('come back as they were, alone and end to end', () => {
    fc.assert(
      fc.property(fc.array(cell), fc.array(cell), (first, second) => {
        expect(decodeColumns(encodeColumns(table(first)))).toEqual(table(first));
        expect(concatColumns(table(first), table(second))).toEqual(table([...first, ...second]));
      }),
    );
  });

  it('are refused when they are others, damaged or cut', () => {
    const bytes = encodeColumns(table([{ x: 1, t: 'a' }]));
    for (const wrong of [Buffer.from('EVLCOLS2 and more'), bytes.subarray(0, -1), Buffer.alloc(3)])
      expect(() => decodeColumns(wrong)).toThrow(expect.objectContaining({ code: 'EVL_STORAGE_COLUMNS_INVALID' }));
  });

  it('of tables that differ do not join', () => {
    const other: ColumnTable = { rows: 0, columns: new Map([['x', { type: 'string', values: [] }]]) };
    expect(() => concatColumns(table([]), other)).toThrow(/differ in column x/);
    expect(() => concatColumns(table([]), { rows: 0, columns: new Map() })).toThrow(/column x/);
  });
});
