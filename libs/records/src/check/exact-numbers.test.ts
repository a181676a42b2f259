import type { FieldContract } from '@everloop/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileWantsExact } from './exact-numbers.ts';
import { compileSource } from './compile-source.ts';

const decimal: FieldContract = { type: 'decimal', required: false };
const number: FieldContract = { type: 'number', required: false };
const array = (items: FieldContract): FieldContract => ({ type: 'array', required: false, items });
const object = (fields: Record<string, FieldContract>): FieldContract => ({ type: 'object', required: false, fields });
const long = '12345678901234.567';

describe('compileWantsExact', () => {
  it.each([
    ['no decimals', { a: number, b: array(number), c: object({ d: number }) }],
    ['no fields', {}],
  ])('%s: never asked', (_name, fields) => {
    expect(compileWantsExact(fields)).toBeNull();
  });

  it.each([
    ['the decimal is long', { a: decimal }, `{"a":${long}}`, true],
    ['with spaces', { a: decimal }, `{ "a" :\n ${long} }`, true],
    ['negative', { a: decimal }, `{"a":-${long}}`, true],
    ['the decimal is short', { a: decimal }, `{"a":1.5}`, false],
    ['another number is long', { a: decimal, b: number }, `{"a":1.5,"b":${long}}`, false],
    ['a text is long', { a: decimal }, `{"a":"${long}","b":"1234567890123456"}`, false],
    ['nested', { o: object({ a: decimal }) }, `{"o":{"a":${long}}}`, true],
    ['in objects of an array', { l: array(object({ a: decimal })) }, `{"l":[{"a":${long}}]}`, true],
    ['in an array', { l: array(decimal) }, `{"l":[1,${long}]}`, true],
    ['first in an array', { l: array(decimal) }, `{"l":[${long}]}`, true],
    ['in arrays of an array', { l: array(array(decimal)) }, `{"l":[[${long}]]}`, true],
    ['in objects of arrays of an array', { l: array(array(object({ a: decimal }))) }, `{"l":[[{"a":${long}}]]}`, true],
    ['a name written with escapes', { a: decimal }, `{"\\u0061":${long}}`, true],
    ['a name with letters that patterns know', { 'a.b': decimal }, `{"a.b":${long}}`, true],
    ['a name that is looked for literally', { 'a.b': decimal }, `{"axb":${long}}`, false],
    ['a name with quotes in it', { 'a"b': decimal }, `{"a\\"b":${long}}`, true],
  ])('%s', (_name, fields, text, expected) => {
    expect(compileWantsExact(fields)?.(text)).toBe(expected);
  });

  it('digits are judged as they were written, whatever else is in the record', () => {
    const check = compileSource(
      {
        ...{ topic: 't', partitions: 1, format: 'json', key: 'a', eventTime: 'at', allowedLatenessMs: 0 },
        ...{ unexpected: 'keep', compatibility: 'none', unique: [], rules: [] },
        fields: { a: { type: 'decimal', required: true, scale: 3 }, at: { type: 'timestamp', required: true } },
      },
      { recordBytesMax: 10_000 },
    );
    fc.assert(
      fc.property(
        fc.stringMatching(/^[1-9][0-9]{0,20}$/),
        fc.stringMatching(/^[0-9]{0,20}[1-9]$/),
        fc.double(),
        (whole, part, other) => {
          const value = Buffer.from(`{"b":${JSON.stringify(other)},"a":${whole}.${part},"at":1}`);
          expect(check(value).kind).toBe(part.length <= 3 ? 'valid' : 'quarantine');
        },
      ),
    );
  });
});
