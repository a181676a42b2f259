import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { columnsOfFields } from './named-fields.ts';

describe('columnsOfFields', () => {
  it('has a column of one row for each value that is there', () => {
    expect(
      columnsOfFields({ text: 'a', number: 1.5, yes: true, nan: Number.NaN, nothing: null, absent: undefined }),
    ).toEqual({
      ok: true,
      rows: 1,
      columns: [
        { name: 'text', datatype: 'BYTES', values: ['a'] },
        { name: 'number', datatype: 'FP64', values: [1.5] },
        { name: 'yes', datatype: 'BOOL', values: [1] },
        { name: 'nan', datatype: 'FP64', values: [Number.NaN] },
      ],
    });
  });

  it('says everything that is no value', () => {
    expect(columnsOfFields({ list: [1], object: { a: 1 }, good: 1 })).toEqual({
      ok: false,
      reasons: [
        "feature 'list' is a list, expected a text, a number or a boolean",
        "feature 'object' is an object, expected a text, a number or a boolean",
      ],
    });
  });

  it('takes only so many', () => {
    const fields = Object.fromEntries(Array.from({ length: 1_025 }, (_, n) => [`f${n}`, n]));
    expect(columnsOfFields(fields)).toEqual({ ok: false, reasons: ['the row has 1025 features, at most 1024 may be'] });
  });

  it('takes or refuses any object, and names each field as it was given', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.double(), fc.boolean())), (fields) => {
        const decoded = columnsOfFields(fields);
        expect(decoded.ok && decoded.columns.map(({ name }) => name)).toEqual(Object.keys(fields));
      }),
    );
  });
});
