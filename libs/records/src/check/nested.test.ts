import type { FieldContract, SourceSpec } from '@everloop/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileSource } from './compile-source.ts';
import { isNestedDeeper } from './json-depth.ts';
import { reasonsMax, type Verdict } from './verdict.ts';

const at = 1_357_000_000_000;
const limits = { recordBytesMax: 1_048_576 };

function spec(fields: Record<string, FieldContract>, unexpected: SourceSpec['unexpected'] = 'reject'): SourceSpec {
  return {
    topic: 't',
    partitions: 1,
    format: 'json',
    key: 'id',
    eventTime: 'at',
    allowedLatenessMs: 0,
    unexpected,
    compatibility: 'backward',
    fields: { at: { type: 'timestamp', required: true }, ...fields },
    unique: [],
    rules: [],
  };
}

/** `rule path` of each reason; `json` is the text of `x`. */
function judge(field: FieldContract, json: string | undefined, unexpected?: SourceSpec['unexpected']): string[] {
  return told(
    compileSource(
      spec({ x: field }, unexpected),
      limits,
    )(Buffer.from(`{"at":${at}${json === undefined ? '' : `,"x":${json}`}}`)),
  );
}

function told(verdict: Verdict): string[] {
  return verdict.kind === 'valid' ? [] : verdict.reasons.map(({ rule, path }) => `${rule} ${path}`);
}

const address: FieldContract = {
  type: 'object',
  required: false,
  fields: {
    city: { type: 'string', required: true, maxLength: 4 },
    place: { type: 'object', required: false, fields: { lat: { type: 'number', required: true } } },
  },
};
const items: FieldContract = {
  type: 'array',
  required: true,
  minItems: 1,
  maxItems: 3,
  items: { type: 'object', required: true, fields: { sku: { type: 'string', required: true, pattern: '^[A-Z]+$' } } },
};

describe('nested columns', () => {
  it.each<[string, FieldContract, string | undefined, string[]]>([
    ['an object', address, '{"city":"Graz","place":{"lat":47.1}}', []],
    ['an absent object', address, undefined, []],
    ['text for an object', address, '"Graz"', ['type x']],
    ['an array for an object', address, '[]', ['type x']],
    [
      'everything wrong inside',
      address,
      '{"city":"Vienna","place":{},"zip":1}',
      ['max_length x.city', 'required x.place.lat', 'unexpected x.zip'],
    ],
    ['an array', items, '[{"sku":"A"},{"sku":"B"}]', []],
    ['an object for an array', items, '{}', ['type x']],
    ['no elements', items, '[]', ['min_items x']],
    [
      'too many, and some are wrong',
      items,
      '[{"sku":"A"},{"sku":"b"},null,{}]',
      ['max_items x', 'pattern x[1].sku', 'required x[2]', 'required x[3].sku'],
    ],
    [
      'arrays in arrays',
      {
        type: 'array',
        required: true,
        items: { type: 'array', required: true, items: { type: 'integer', required: true } },
      },
      '[[1],[2,"3"]]',
      ['type x[1][1]'],
    ],
    ['an object of any columns', { type: 'object', required: true }, '{"a":{"b":[1]}}', []],
    ['elements of any kind', { type: 'array', required: true }, '[1,"a",null]', []],
  ])('%s', (_name, field, json, expected) => {
    expect(judge(field, json)).toEqual(expected);
  });

  it('wrong elements without end make no endless header', () => {
    const json = `[${'1,'.repeat(200_000)}1]`;
    const reasons = judge({ type: 'array', required: true, items: { type: 'string', required: true } }, json);
    expect(reasons).toHaveLength(reasonsMax + 1);
    expect(reasons.at(-1)).toBe('more ');
  });
});

describe('null', () => {
  it.each<[string, Partial<FieldContract>, string | undefined, string[]]>([
    ['is as good as absent by default', { required: false }, 'null', []],
    ['of a required field', { required: true }, 'null', ['required x']],
    ['of a required field that may be null', { required: true, nullable: true }, 'null', []],
    ['must be there all the same', { required: true, nullable: true }, undefined, ['required x']],
    ['of an optional field that may not be null', { required: false, nullable: false }, 'null', ['nullable x']],
    ['may be left out there', { required: false, nullable: false }, undefined, []],
  ])('%s', (_name, contract, json, expected) => {
    expect(judge({ type: 'string', required: false, ...contract }, json)).toEqual(expected);
  });
});

describe('a decimal', () => {
  const money: FieldContract = { type: 'decimal', required: true, precision: 6, scale: 2, min: 0.1, max: 5000 };
  it.each<[string, FieldContract, string, string[]]>([
    ['as text', money, '"12.50"', []],
    ['as a number', money, '12.5', []],
    ['with zeros at the end', money, '"12.5000"', []],
    ['at its limits, which no double holds', money, '"0.10"', []],
    ['just below', money, '"0.09999999999999999999999"', ['scale x', 'min x']],
    ['just above', money, '5000.000000000000000000001', ['scale x', 'max x']],
    ['too many digits before the point', { ...money, max: 1e9 }, '12345', ['precision x']],
    ['too many in all', { type: 'decimal', required: true, precision: 4 }, '"123.45"', ['precision x']],
    [
      'a long one that a double would round',
      { type: 'decimal', required: true, precision: 22, scale: 2 },
      '12345678901234567890.12',
      [],
    ],
    [
      'one digit more',
      { type: 'decimal', required: true, precision: 22, scale: 2 },
      '12345678901234567890.123',
      ['scale x'],
    ],
    ['one of a set', { type: 'decimal', required: true, values: ['1.50', 2] }, '1.5', []],
    ['none of a set', { type: 'decimal', required: true, values: ['1.50', 2] }, '"1.51"', ['values x']],
    ['that is a word', money, '"many"', ['type x']],
    ['that is infinite', money, '1e999', ['type x']],
    ['an exponent without end', money, '"1e999999999"', ['type x']],
    ['true', money, 'true', ['type x']],
  ])('%s', (_name, field, json, expected) => {
    expect(judge(field, json)).toEqual(expected);
  });

  it('in an array of objects is judged as written too', () => {
    const field: FieldContract = {
      type: 'array',
      required: true,
      items: { type: 'object', required: true, fields: { p: { ...money, precision: 30 } } },
    };
    expect(judge(field, '[{"p":1.1},{"p":4999.999999999999999999}]')).toEqual(['scale x[1].p']);
  });
});

describe('text that has no UTF-8 form', () => {
  it.each([
    ['half a pair', '"\\ud83d"', ['type x']],
    ['both halves', '"\\ud83d\\ude00"', []],
  ] as const)('%s', (_name, json, expected) => {
    expect(judge({ type: 'string', required: true }, json)).toEqual(expected);
  });
});

describe('columns that are not listed', () => {
  const record = `{"at":${at},"more":1,"x":{"city":"Graz","zip":8010,"place":{"lat":1,"lon":2}},"y":[{"sku":"A","n":1.0}]}`;
  const check = (unexpected: SourceSpec['unexpected']): Verdict =>
    compileSource(spec({ x: address, y: items }, unexpected), limits)(Buffer.from(record));

  it('reject names all of them', () => {
    expect(told(check('reject')).sort()).toEqual([
      'unexpected more',
      'unexpected x.place.lon',
      'unexpected x.zip',
      'unexpected y[0].n',
    ]);
  });

  it('keep says nothing, report names them and keeps the bytes', () => {
    expect(check('keep')).toMatchObject({ kind: 'valid', value: null, unexpected: null });
    expect(check('report')).toMatchObject({
      kind: 'valid',
      value: null,
      unexpected: ['x.place.lon', 'x.zip', 'y[0].n', 'more'],
    });
  });

  it('drop leaves out the nested ones too', () => {
    const verdict = check('drop');
    expect(verdict.kind === 'valid' && verdict.value).toBe(
      `{"at":${at},"x":{"city":"Graz","place":{"lat":1}},"y":[{"sku":"A"}]}`,
    );
  });

  it('drop keeps the digits of numbers that a double would round', () => {
    const fields = { p: { type: 'decimal', required: true }, any: { type: 'object', required: true } } as const;
    const verdict = compileSource(
      spec(fields, 'drop'),
      limits,
    )(Buffer.from(`{"at":${at},"p":12345678901234567890.10,"any":{"n":[0.12345678901234567890]},"more":1}`));
    expect(verdict.kind === 'valid' && verdict.value).toBe(
      `{"at":${at},"p":12345678901234567890.10,"any":{"n":[0.12345678901234567890]}}`,
    );
  });

  it('a key __proto__ is a column like any other, and changes no object', () => {
    const bytes = Buffer.from(`{"at":${at},"__proto__":{"polluted":1},"x":{"city":"Graz","__proto__":{"lat":1}}}`);
    const fields = { x: address };
    expect(told(compileSource(spec(fields), limits)(bytes)).sort()).toEqual([
      'unexpected __proto__',
      'unexpected x.__proto__',
    ]);
    const dropped = compileSource(spec(fields, 'drop'), limits)(bytes);
    expect(dropped.kind === 'valid' && dropped.value).toBe(`{"at":${at},"x":{"city":"Graz"}}`);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});

describe('bytes', () => {
  const check = compileSource(spec({ x: { type: 'integer', required: true } }), limits);
  it('of a key that comes twice count as the last', () => {
    expect(told(check(Buffer.from(`{"at":${at},"x":"no","x":1}`)))).toEqual([]);
    expect(told(check(Buffer.from(`{"at":${at},"x":1,"x":"no"}`)))).toEqual(['type x']);
  });

  it('with a byte order mark are no JSON', () => {
    expect(told(check(Buffer.from(`\ufeff{"at":${at},"x":1}`)))).toEqual(['not_json ']);
  });

  it('that nest deeply are refused before they are parsed', () => {
    expect(told(check(Buffer.alloc(1_000_000, '[')))).toEqual(['too_deep ']);
    expect(told(check(Buffer.from(`{"x":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}}`)))).toEqual(['too_deep ']);
  });

  it('count as deep as a parser would find them', () => {
    const depth = (value: unknown): number =>
      typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depth)) : 0;
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.nat(6), (value, levels) => {
        expect(isNestedDeeper(Buffer.from(JSON.stringify(value)), levels)).toBe(depth(value) > levels);
      }),
    );
  });
});
