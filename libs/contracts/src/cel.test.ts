import { describe, expect, it } from 'vitest';
import { compileCel } from './cel.ts';

describe('compileCel', () => {
  it.each<[string, Record<string, unknown>, boolean]>([
    ['record.a > 5', { a: 6 }, true],
    ['record.a > 5', { a: 5 }, false],
    ['record.a >= record.b', { a: 2, b: 2 }, true],
    ['record.a + 1 > 2 * record.b', { a: 6, b: 3 }, true],
    ['10 / record.a == 2.5', { a: 4 }, true],
    ['record.a - 1 == 5', { a: 6 }, true],
    ['record.origin != record.dest', { origin: 'JFK', dest: 'LAX' }, true],
    ['record.s.startsWith("N") && size(record.s) == 3', { s: 'N12' }, true],
    ['record.s in ["a", "b"]', { s: 'c' }, false],
    ['!has(record.a) || record.a == null || record.a > 0', {}, true],
    ['!has(record.a) || record.a == null || record.a > 0', { a: null }, true],
    ['!has(record.a) || record.a == null || record.a > 0', { a: -1 }, false],
    ['record.?a.orValue(1.0) > 0', {}, true],
  ])('%s on %j is %s', (expression, record, holds) => {
    expect(compileCel(expression)(record)).toBe(holds);
    expect(compileCel(expression).explain(record)).toEqual({ holds });
  });

  it.each<[string, string, Record<string, unknown>, RegExp]>([
    ['a missing field', 'record.a > 5', {}, /No such key: a/],
    ['null', 'record.a > 5', { a: null }, /no such overload/],
    ['text where a number should be', 'record.a > 5', { a: 'x' }, /no such overload/],
    ['a field that is no boolean', 'record.a', { a: 1 }, /gave number, not a boolean/],
    ['a name that every object has', 'record.constructor == null', {}, /No such key: constructor/],
  ])('%s makes the rule false, with a coded message', (_name, expression, record, message) => {
    const verdict = compileCel(expression).explain(record);
    expect(verdict).toEqual({ holds: false, message: expect.stringMatching(message) });
    expect(verdict.message).toMatch(/^EVL_CEL_EVALUATION: /);
  });

  it.each([
    ['nothing', '', /usable/],
    ['half an expression', 'record.a >', /Unexpected token/],
    ['an unknown variable', 'recrod.a > 1', /Unknown variable: recrod/],
    ['a number', '1 + 1', /gives int, not a boolean/],
    ['an unknown function', 'f(record.a)', /usable/],
    ['too much text', `record.a > 1 ${' '.repeat(5_000)}`, /longer than 4096/],
    ['too much depth', `${'('.repeat(200)}true${')'.repeat(200)}`, /usable/],
  ])('%s is refused', (_name, expression, message) => {
    expect(() => compileCel(expression)).toThrow(message);
    expect(() => compileCel(expression)).toThrow(
      expect.objectContaining({ code: 'EVL_CEL_INVALID', kind: 'terminal' }),
    );
  });

  it('knows the fields it names', () => {
    expect(compileCel('has(record.b) && record.a > 1 || record.?c.orValue(record.a) > 0').fields).toEqual([
      'b',
      'a',
      'c',
    ]);
  });
});
