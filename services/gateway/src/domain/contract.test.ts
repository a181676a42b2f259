import { describe, expect, it } from 'vitest';
import type { RequestField } from '@everloop/contracts';
import { checkContract } from './contract.ts';
import type { Column } from './tensors.ts';

const request: readonly RequestField[] = [
  { name: 'flight_id', type: 'string' },
  { name: 'distance', type: 'number' },
];
const spec = { request, joinKey: 'flight_id' };
const flight = (...values: string[]): Column => ({ name: 'flight_id', datatype: 'BYTES', values });
const distance = (...values: number[]): Column => ({ name: 'distance', datatype: 'FP64', values });

describe('checkContract', () => {
  it('turns columns into rows', () => {
    expect(checkContract(spec, [distance(100, 200), flight('a', 'b')], 2)).toEqual({
      ok: true,
      rows: [
        { flight_id: 'a', distance: 100 },
        { flight_id: 'b', distance: 200 },
      ],
    });
  });

  it.each<[string, readonly Column[], string]>([
    ['a missing field', [flight('a')], "field 'distance' (number) is missing"],
    [
      'an unknown field',
      [flight('a'), distance(1), { ...distance(1), name: 'dist' }],
      "input 'dist' is not a request field",
    ],
    [
      'text for a number',
      [flight('a'), { ...flight('1'), name: 'distance' }],
      "'distance' has datatype BYTES, expected FP64",
    ],
    [
      'a number for text',
      [{ ...distance(1), name: 'flight_id' }, distance(1)],
      "'flight_id' has datatype FP64, expected BYTES",
    ],
    ['NaN', [flight('a'), distance(Number.NaN)], "field 'distance' row 0 is NaN"],
    ['infinity', [flight('a', 'b'), distance(1, Infinity)], "field 'distance' row 1 is Infinity"],
    ['an empty join key', [flight(''), distance(1)], "join key 'flight_id' row 0 is empty"],
    ['a text without end', [flight('x'.repeat(5_000)), distance(1)], 'has 5000 characters, at most 4096'],
  ])('refuses %s', (_name, columns, reason) => {
    const checked = checkContract(spec, columns, columns[0]?.values.length ?? 0);
    expect(checked.ok ? [] : checked.reasons).toContainEqual(expect.stringContaining(reason));
  });
});
