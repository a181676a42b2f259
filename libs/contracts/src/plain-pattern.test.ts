import fc from 'fast-check';
import { RE2JS } from 're2js';
import { describe, expect, it } from 'vitest';
import { compilePlain } from './plain-pattern.ts';

describe('compilePlain', () => {
  it.each([
    ['^[A-Z]{3}$', ['JFK'], ['JFKX', 'JF', 'jfk', 'JFK\n', '']],
    ['^ord-[0-9]{9}$', ['ord-123456789'], ['ord-12345678', 'xord-123456789']],
    ['^[a-z0-9.]+@[a-z0-9.]+$', ['a.b@c.d'], ['a@', '@c', 'a@b@c', 'ä@b']],
    ['^\\d+(\\.\\d+)?$', null, null],
    ['^\\w{2,}$', ['a_9'], ['a', 'a-']],
    ['^D[0-9]+$', ['D1'], ['D', 'd1']],
    ['^[a-z_.-]*$', ['', 'a-b_c.'], ['A']],
    ['^\\$?[0-9]{1,3}$', ['$1', '12'], ['$', '1234']],
    ['^$', [''], ['a']],
  ] as const)('%s', (pattern, good, bad) => {
    const test = compilePlain(pattern);
    expect(test === null).toBe(good === null);
    if (test === null) return;
    for (const text of good ?? []) expect([text, test(text)]).toEqual([text, true]);
    for (const text of bad ?? []) expect([text, test(text)]).toEqual([text, false]);
  });

  it.each([
    ['not anchored', 'a'],
    ['only at the beginning', '^a'],
    ['an escaped end', '^a\\$'],
    ['a group', '^(a)$'],
    ['one or the other', '^a|b$'],
    ['any character', '^.$'],
    ['not one of', '^[^a]$'],
    ['a class of POSIX', '^[[:alpha:]]$'],
    ['a class of Unicode', '^\\p{Lu}$'],
    ['a letter that is not ASCII', '^ä$'],
    ['lazy', '^a+?b$'],
    ['a brace that counts nothing', '^a{x}$'],
    ['too many', '^a{1001}$'],
    ['fewer than few', '^a{3,2}$'],
    ['a class that does not end', '^[a$'],
    ['what follows could belong to it', '^a*a$'],
    ['what follows what may be missing could belong to it', '^a+b?a$'],
  ])('leaves %s to RE2', (_name, pattern) => {
    expect(compilePlain(pattern)).toBeNull();
  });

  it('says what RE2 says, of any pattern that it takes', () => {
    const atom = fc.oneof(
      fc.constantFrom(
        'a',
        'b',
        '0',
        '-',
        '\\d',
        '\\w',
        '\\.',
        '\\$',
        '[ab]',
        '[a-c0]',
        '[-a]',
        '[a-]',
        '[\\d.]',
        '[$^b]',
      ),
      fc.string({ minLength: 1, maxLength: 3 }),
    );
    const repeat = fc.constantFrom('', '', '?', '*', '+', '{2}', '{1,2}', '{1,}', '{0,1}', '??', '{,2}');
    const pattern = fc
      .array(fc.tuple(atom, repeat), { maxLength: 4 })
      .map((parts) => `^${parts.map((part) => part.join('')).join('')}$`);
    const text = fc.oneof(fc.stringMatching(/^[abc0.$^-]{0,6}$/), fc.string({ unit: 'binary', maxLength: 4 }));
    let taken = 0;
    fc.assert(
      fc.property(pattern, fc.array(text, { minLength: 5, maxLength: 10 }), (source, texts) => {
        const test = compilePlain(source);
        if (test === null) return;
        taken += 1;
        const peer = RE2JS.compile(source);
        for (const one of texts) expect([source, one, test(one)]).toEqual([source, one, peer.test(one)]);
      }),
      { numRuns: 3_000 },
    );
    expect(taken).toBeGreaterThan(500);
  });

  it('needs time in proportion to the text', () => {
    const test = compilePlain('^[a-y]*z?[0-9]*!{2}$');
    expect(test?.('a'.repeat(5_000_000) + '!')).toBe(false);
  });
});
