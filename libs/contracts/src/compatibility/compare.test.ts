import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FieldContract, SourceSpec } from '../resources/types.ts';
import { compareSources, describeChange, violations } from './compare.ts';
import { fieldDifferences } from './limits.ts';

const id: FieldContract = { type: 'string', required: true };
const at: FieldContract = { type: 'timestamp', required: true };

function spec(more: Partial<SourceSpec> = {}): SourceSpec {
  return {
    topic: 't',
    partitions: 1,
    format: 'json',
    key: 'id',
    eventTime: 'at',
    allowedLatenessMs: 0,
    unexpected: 'reject',
    compatibility: 'backward',
    unique: [],
    rules: [],
    ...more,
    fields: { id, at, ...more.fields },
  };
}

const told = (before: Partial<SourceSpec>, after: Partial<SourceSpec>): string[] =>
  compareSources(spec(before), spec(after)).map(describeChange);

describe('compareSources', () => {
  const of = (x: FieldContract): Partial<SourceSpec> => ({ fields: { x } });
  const text: FieldContract = { type: 'string', required: false };
  const number: FieldContract = { type: 'number', required: false };
  it.each<[string, Partial<SourceSpec>, Partial<SourceSpec>, readonly string[]]>([
    ['nothing', {}, {}, []],
    [
      'a required column is added',
      {},
      of({ ...text, required: true }),
      ['x: column none → required string (breaks backward and forward)'],
    ],
    ['an optional one is added', {}, of(text), ['x: column none → string (breaks forward)']],
    [
      'an optional one is added where others are kept',
      { unexpected: 'keep' },
      { ...of(text), unexpected: 'keep' },
      ['x: column none → string'],
    ],
    ['a column is removed', of(text), {}, ['x: column string → none (breaks backward)']],
    [
      'a required one is removed where others are kept',
      { ...of({ ...text, required: true }), unexpected: 'drop' },
      { unexpected: 'drop' },
      ['x: column required string → none (breaks forward)'],
    ],
    [
      'a type is widened',
      of({ ...number, type: 'integer' }),
      of(number),
      ['x: type integer → number (breaks forward)'],
    ],
    [
      'a type is narrowed',
      of(number),
      of({ ...number, type: 'integer' }),
      ['x: type number → integer (breaks backward)'],
    ],
    ['another type', of(number), of(text), ['x: type number → string (breaks backward and forward)']],
    [
      'a column becomes required',
      of(text),
      of({ ...text, required: true }),
      ['x: required false → true (breaks backward)'],
    ],
    [
      'null becomes forbidden',
      of(text),
      of({ ...text, nullable: false }),
      ['x: nullable true → false (breaks backward)'],
    ],
    [
      'null becomes allowed',
      of({ ...text, required: true }),
      of({ ...text, required: true, nullable: true }),
      ['x: nullable false → true (breaks forward)'],
    ],
    [
      'limits are tightened',
      of({ ...number, max: 9 }),
      of({ ...number, min: 0, max: 8 }),
      ['x: min none → 0 (breaks backward)', 'x: max 9 → 8 (breaks backward)'],
    ],
    [
      'limits are loosened',
      of({ ...text, minLength: 2, maxLength: 3 }),
      of({ ...text, minLength: 1 }),
      ['x: minLength 2 → 1 (breaks forward)', 'x: maxLength 3 → none (breaks forward)'],
    ],
    ['a pattern comes', of(text), of({ ...text, pattern: 'a' }), ['x: pattern none → a (breaks backward)']],
    [
      'another pattern',
      of({ ...text, pattern: 'a' }),
      of({ ...text, pattern: 'b' }),
      ['x: pattern a → b (breaks backward and forward)'],
    ],
    [
      'a set grows',
      of({ ...text, values: ['a'] }),
      of({ ...text, values: ['b', 'a'] }),
      ['x: values a → b, a (breaks forward)'],
    ],
    ['a set in another order', of({ ...text, values: ['a', 'b'] }), of({ ...text, values: ['b', 'a'] }), []],
    [
      'more digits after the point',
      of({ type: 'decimal', required: false, precision: 6, scale: 2 }),
      of({ type: 'decimal', required: false, precision: 6, scale: 3 }),
      ['x: scale 2 → 3 (breaks forward)', 'x: digits before the point 4 → 3 (breaks backward)'],
    ],
    [
      'nested columns',
      of({
        type: 'array',
        required: false,
        items: { type: 'object', required: true, fields: { a: { ...number, max: 1 } } },
      }),
      of({
        type: 'array',
        required: false,
        items: { type: 'object', required: true, fields: { a: { ...number, max: 2 }, b: text } },
      }),
      ['x[].a: max 1 → 2 (breaks forward)', 'x[].b: column none → string (breaks forward)'],
    ],
    [
      'columns of an object are listed',
      of({ type: 'object', required: false }),
      of({ type: 'object', required: false, fields: { a: text } }),
      ['x: fields any → listed (breaks backward)'],
    ],
    ['others become forbidden', { unexpected: 'keep' }, {}, ['unexpected keep → reject (breaks backward)']],
    ['others become allowed', {}, { unexpected: 'report' }, ['unexpected reject → report (breaks forward)']],
    ['others are kept in another way', { unexpected: 'drop' }, { unexpected: 'report' }, ['unexpected drop → report']],
    [
      'rules',
      {
        rules: [
          { name: 'a', cel: '1 < 2' },
          { name: 'b', cel: 'true' },
        ],
      },
      {
        rules: [
          { name: 'a', cel: '1 < 3' },
          { name: 'c', cel: 'true' },
        ],
      },
      [
        'rules[a]: rules 1 < 2 → 1 < 3 (breaks backward and forward)',
        'rules[b]: rules true → none (breaks forward)',
        'rules[c]: rules none → true (breaks backward)',
      ],
    ],
    [
      'unique',
      {},
      { unique: [{ fields: ['id'], withinMs: 60_000 }] },
      ['unique[id]: unique none → within 1m (breaks backward)'],
    ],
    ['words only', of(text), of({ ...text, description: 'A text.' }), []],
    ['another event time', {}, { eventTime: 'id' }, ['eventTime at → id (breaks backward and forward)']],
  ])('%s', (_name, before, after, expected) => {
    expect(told(before, after)).toEqual(expected);
  });

  it('a mode forbids its direction only', () => {
    const changes = compareSources(spec(of({ ...number, max: 9 })), spec(of({ ...number, max: 8, min: -1 })));
    const loosened = compareSources(spec(of({ ...number, max: 8 })), spec(of({ ...number, max: 9 })));
    const counts = (['backward', 'forward', 'full', 'none'] as const).map((mode) => [
      violations(changes, mode).length,
      violations(loosened, mode).length,
    ]);
    expect(counts).toEqual([
      [2, 0],
      [0, 1],
      [2, 1],
      [0, 0],
    ]);
  });
});

it('what does not break backward lets every number through that was let through before, and the other way round', () => {
  const limit = fc.option(fc.integer({ min: -3, max: 3 }), { nil: undefined });
  const contract = fc.record({
    min: limit,
    max: limit,
    values: fc.option(fc.subarray([-2, 0, 2], { minLength: 1 }), { nil: undefined }),
  });
  const toField = ({
    min,
    max,
    values,
  }: {
    min?: number | undefined;
    max?: number | undefined;
    values?: number[] | undefined;
  }): FieldContract => ({
    type: 'number',
    required: true,
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(values === undefined ? {} : { values }),
  });
  const allows = ({ min = -Infinity, max = Infinity, values }: FieldContract, x: number): boolean =>
    x >= min && x <= max && (values === undefined || values.includes(x));
  fc.assert(
    fc.property(contract, contract, (a, b) => {
      const [before, after] = [toField(a), toField(b)];
      const broken = new Set(fieldDifferences(before, after).flatMap((difference) => difference.breaks));
      for (let x = -4; x <= 4; x += 1) {
        if (!broken.has('backward') && allows(before, x)) expect(allows(after, x)).toBe(true);
        if (!broken.has('forward') && allows(after, x)) expect(allows(before, x)).toBe(true);
      }
    }),
  );
});
