import { describe, expect, it } from 'vitest';
import { compileSlices } from './slices.ts';

const shape = {
  request: [
    { name: 'id', type: 'number' as const },
    { name: 'city', type: 'string' as const },
    { name: 'hour', type: 'number' as const },
  ],
  joinKey: 'id',
  inputs: [
    { name: 'late', type: 'number' as const, from: 'view.late' },
    { name: 'hour_of_day', type: 'number' as const, from: 'request.hour' },
    { name: 'car', type: 'category' as const, from: 'view.car' },
  ],
};

const slice = (cel: string) => compileSlices({ ...shape, slices: [{ name: 's', cel }] })[0];

describe('slices of a Model', () => {
  it('say where the log has what they read', () => {
    const cel = 'input.car == "a" || request.city == "x" || request.hour > 1 || request.id == 5';
    expect(slice(cel)?.operands).toEqual([
      { in: 'input', name: 'car' },
      { in: 'request', name: 'city' },
      { in: 'input', name: 'hour_of_day' },
      { in: 'joinKey', isNumber: true },
    ]);
  });

  it.each([
    ['true', 'input.late > 10', [11], true],
    ['false', 'input.late > 10', [10], false],
    ['a missing value is not in the slice', 'input.late > 10', [null], false],
    ['unless it is asked for', 'input.late == null', [null], true],
    ['text', 'input.car == "a" && request.city != "b"', ['a', 'c'], true],
  ])('%s', (_, cel, values, expected) => {
    expect(slice(cel)?.holds(values)).toBe(expected);
  });

  it.each([
    ['an unknown input', 'input.lat > 1', /there is no input "lat"/],
    ['an unknown request field', 'request.lat > 1', /the request has no field "lat"/],
    ['a view', 'view.late > 1', /"view" is neither input nor request/],
    ['a number', 'input.late + 1.0', /gives a number, not true or false/],
    ['no expression', 'input.late >', /not a usable CEL expression/],
  ])('refuses %s', (_, cel, message) => {
    expect(() => slice(cel)).toThrow(message);
  });

  it('are none where the Model has none', () => {
    expect(compileSlices(shape)).toEqual([]);
  });
});
