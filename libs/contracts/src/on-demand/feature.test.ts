import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileOnDemand } from './feature.ts';
import type { ResolveReference } from './compile.ts';

const types: Record<string, 'number' | 'string' | 'boolean'> = { a: 'number', b: 'number', s: 'string', f: 'boolean' };
const resolve: ResolveReference = ({ owner, name }) =>
  owner === 'v' && types[name] !== undefined ? types[name] : { problem: `there is no ${owner}.${name}` };

type Values = Record<string, number | string | null>;

function value(type: 'number' | 'integer' | 'string' | 'boolean', cel: string, given: Values = {}) {
  const feature = compileOnDemand({ name: 'x', type, cel }, resolve);
  return feature.evaluate(feature.references.map(({ name }) => given[name] ?? null));
}

describe('an on-demand feature', () => {
  it.each<[string, 'number' | 'integer' | 'string' | 'boolean', string, Values, unknown]>([
    ['adds', 'number', 'v.a + 1', { a: 2 }, 3],
    ['divides as doubles', 'number', '1 / 2', {}, 0.5],
    ['is null where something is missing', 'number', 'v.a + v.b', { a: 2 }, null],
    ['may ask for null', 'number', 'v.a == null ? -1.0 : v.a', {}, -1],
    ['may be null itself', 'number', 'v.a > 1 ? v.a : null', { a: 1 }, null],
    ['is null where its condition is', 'number', 'v.a > 1 ? 1 : 2', {}, null],
    ['is null after a division by zero', 'number', 'v.a / 0', { a: 2 }, null],
    ['keeps a division by zero null in a comparison', 'boolean', 'v.a / 0 > 1', { a: 2 }, null],
    ['is null after an overflow', 'number', 'v.a * v.a', { a: 1e200 }, null],
    ['has no negative zero', 'number', '-v.a', { a: 0 }, 0],
    ['stores booleans as 1', 'boolean', 'v.a > 1 && v.s == "x"', { a: 2, s: 'x' }, 1],
    ['stores booleans as 0', 'boolean', '!(v.a in [1, 2])', { a: 2 }, 0],
    ['reads stored booleans', 'string', 'v.f ? "yes" : "no"', { f: 0 }, 'no'],
    ['is decided by one side of ||', 'boolean', 'v.a > 1 || true', {}, 1],
    ['is decided by the right side of &&', 'boolean', 'v.a > 1 && false', {}, 0],
    ['is not decided by an unknown side', 'boolean', 'v.a > 1 || false', {}, null],
    ['joins text', 'string', 'v.s + "-" + string(v.a)', { s: 'q', a: 1.5 }, 'q-1.5'],
    ['refuses text that grows too long', 'string', 'v.s + v.s', { s: 'x'.repeat(4_000) }, null],
    ['counts characters, not units', 'integer', 'size(v.s)', { s: 'é😀' }, 2],
    ['calls functions as methods', 'boolean', 'v.s.startsWith("a") && v.s.contains("b")', { s: 'ab' }, 1],
    ['reads numbers from text', 'number', 'double(v.s) + int("7")', { s: '1e2' }, 107],
    ['is null for text that is no number', 'number', 'double(v.s)', { s: '0x10' }, null],
    ['is null for an integer that is not whole', 'integer', 'v.a / 2', { a: 3 }, null],
    ['rounds', 'integer', 'floor(v.a) + ceil(v.a) + int(v.a)', { a: 2.5 }, 7],
    ['takes the larger', 'number', 'max(v.a, v.b) - min(v.a, v.b) + abs(-v.a) + sqrt(v.b)', { a: 1, b: 4 }, 6],
  ])('%s', (_, type, cel, given, expected) => {
    expect(value(type, cel, given)).toBe(expected);
  });

  it.each<[string, 'number' | 'integer' | 'string' | 'boolean', string, RegExp]>([
    ['an unknown name', 'number', 'v.zz + 1', /there is no v.zz/],
    ['another type', 'string', 'v.a', /gives a number, not a string/],
    ['no type', 'number', 'null', /gives a null/],
    ['types that do not fit', 'number', 'v.a + v.s', /\+ does not take number and string/],
    ['types that are never equal', 'boolean', 'v.a == v.s', /never equal/],
    ['branches of two types', 'number', 'v.f ? 1 : "a"', /one side/],
    ['a number as condition', 'number', 'v.a ? 1 : 2', /must be a boolean/],
    ['a list with another type', 'boolean', 'v.a in ["x"]', /never in a list/],
    ['a pattern', 'boolean', 'v.s.matches("(a+)+$")', /there is no matches\(\)/],
    ['a loop', 'boolean', '[1, 2].exists(x, x > 1)', /cannot be used|alone|exists/],
    ['a view alone', 'number', 'v', /alone/],
    ['a deeper path', 'number', 'v.a.b', /must follow/],
    ['a missing argument', 'number', 'abs()', /does not take nothing/],
    ['an unsigned number', 'number', '3u', /unsigned/],
    ['half an expression', 'number', 'v.a +', /usable/],
    ['too many parts', 'number', Array.from({ length: 300 }, () => '1').join('+'), /usable/],
    ['too much text', 'number', `1 ${' '.repeat(5_000)}`, /longer than/],
  ])('%s is refused', (_, type, cel, message) => {
    expect(() => value(type, cel)).toThrow(message);
    expect(() => value(type, cel)).toThrow(expect.objectContaining({ code: 'EVL_CEL_INVALID' }));
  });

  it('is the same when it is compiled again from its definition', () => {
    const first = compileOnDemand({ name: 'x', type: 'string', cel: 'v.f ? v.s : string(v.a + v.a)' }, resolve);
    const { types: stored, ...declared } = JSON.parse(JSON.stringify(first.definition)) as typeof first.definition;
    expect(stored).toEqual({ 'v.f': 'boolean', 'v.s': 'string', 'v.a': 'number' });
    const again = compileOnDemand(
      { name: 'y', ...declared },
      ({ owner, name }) => stored[`${owner}.${name}`] ?? { problem: 'not there' },
    );
    expect(again.digest).toBe(first.digest);
    expect(again.references).toEqual(first.references);
  });

  it('has another digest for another expression or type only', () => {
    const digest = (type: 'number' | 'integer', cel: string) =>
      compileOnDemand({ name: 'x', type, cel }, resolve).digest;
    expect(digest('number', 'v.a')).toBe(digest('number', 'v.a'));
    expect(new Set([digest('number', 'v.a'), digest('integer', 'v.a'), digest('number', 'v.b')]).size).toBe(3);
  });

  it('never throws and never gives what cannot be stored', () => {
    const scalar = fc.oneof(fc.double(), fc.constant(null), fc.constantFrom(0, -0, 1e308, -1e308, 5e-324));
    const cels = ['v.a / v.b', 'v.a * v.b - v.a', 'v.a % v.b', 'v.b == null ? v.a : sqrt(v.a) / v.b'];
    fc.assert(
      fc.property(scalar, scalar, fc.constantFrom(...cels), (a, b, cel) => {
        const finite = (x: number | null) => (x === null || !Number.isFinite(x) ? null : x);
        const result = value('number', cel, { a: finite(a), b: finite(b) });
        expect(result === null || Number.isFinite(result)).toBe(true);
      }),
    );
  });
});
