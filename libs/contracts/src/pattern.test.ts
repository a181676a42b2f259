import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compilePattern } from './pattern.ts';

describe('compilePattern', () => {
  it.each([
    ['^[A-Z]{3}$', 'JFK', true],
    ['^[A-Z]{3}$', 'JFKX', false],
    ['b', 'abc', true],
    ['^.$', '🛫', true],
    ['^\\p{Lu}+$', 'ÄÖÜ', true],
    ['^x$', '\ud800', false],
  ] as const)('%s on %s', (pattern, text, expected) => {
    expect(compilePattern(pattern)(text)).toBe(expected);
  });

  it.each(['(', 'a{2000}', '(?=a)', '(a)\\1', '((a{0,100}){0,100}){0,100}'])('%s is refused', (pattern) => {
    expect(() => compilePattern(pattern)).toThrow(expect.objectContaining({ code: 'EVL_PATTERN_INVALID' }) as Error);
  });

  it.each(['^(a+)+$', '^(a|aa)+$', '(.*a){12}$', '(x{0,500})y$'])('%s ends soon on a hostile text', (pattern) => {
    // A backtracking engine needs more steps than there are atoms in the universe; this test would not end.
    expect(compilePattern(pattern)(`${'a'.repeat(50_000)}!`)).toBe(false);
  });

  it('gives the same as the engine of JavaScript, where both mean the same', () => {
    const pattern = fc.constantFrom('^[a-c]*$', 'ab|cd', '^a?b+c{1,2}$', '[^a]', '^(?:ab)*c$');
    fc.assert(
      fc.property(pattern, fc.stringMatching(/^[a-d]{0,8}$/), (source, text) => {
        expect(compilePattern(source)(text)).toBe(new RegExp(source, 'u').test(text));
      }),
    );
  });
});
