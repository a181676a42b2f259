import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { categoriesMax, decodeCategories, encodeCategories, fieldCategories } from './categories.ts';

const many = (count: number) => Array.from({ length: count }, (_, n) => `c${n}`);

describe('fieldCategories', () => {
  it.each([
    ['of no rows', [], 0, []],
    ['each once, in one order', ['UA', 'AA', 'UA'], 2, ['AA', 'UA']],
    ['but not what is missing', [null, 'AA', null], 1, ['AA']],
    ['the empty text is one', ['', 'AA'], 2, ['', 'AA']],
  ])('%s', (_name, values, count, kept) => {
    expect(fieldCategories('carrier', values)).toEqual({ field: 'carrier', count, values: kept });
  });

  it('keeps none of too many, and says how many there were', () => {
    expect(fieldCategories('f', many(categoriesMax)).values).toHaveLength(categoriesMax);
    expect(fieldCategories('f', many(categoriesMax + 1))).toEqual({ field: 'f', count: 10_001, values: null });
    const long = many(400).map((text) => text.padEnd(4_000, '.'));
    expect(fieldCategories('f', long)).toEqual({ field: 'f', count: 400, values: null });
  });
});

describe('the file', () => {
  it('gives what went in, and the same bytes for the same rows in any order', () => {
    const large = fieldCategories('b', many(categoriesMax + 1));
    fc.assert(
      fc.property(fc.array(fc.option(fc.string({ unit: 'binary' }))), (values) => {
        const fields = [fieldCategories('a', values), large];
        const bytes = encodeCategories(fields);
        expect(decodeCategories(bytes)).toEqual(fields);
        expect(encodeCategories([fieldCategories('a', values.toReversed()), ...fields.slice(1)])).toEqual(bytes);
      }),
    );
  });

  it.each([
    ['scribble', /not JSON/],
    ['null', /format is not 1/],
    ['{"format":2,"fields":[]}', /format is not 1/],
    ['{"format":1}', /lacks its name, count or values/],
    ['{"format":1,"fields":[null]}', /lacks its name, count or values/],
    ['{"format":1,"fields":[{"field":"a","count":1}]}', /lacks its name, count or values/],
    ['{"format":1,"fields":[{"field":"a","count":1,"values":[1]}]}', /lacks its name, count or values/],
  ])('%s is none', (text, message) => {
    expect(() => decodeCategories(Buffer.from(text))).toThrow(
      expect.objectContaining({
        code: 'EVL_FEATURES_CATEGORIES_INVALID',
        message: expect.stringMatching(message) as string,
      }),
    );
  });
});
