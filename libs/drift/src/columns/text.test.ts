import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodingClass, ngramBuckets, unknownShareOf, wordsOf } from './text.ts';

const anyText = fc.string({ unit: 'binary' });

describe('encoding', () => {
  test.each([
    ['', 'ascii'],
    ['late because of fog, 20 min', 'ascii'],
    ['verspätet wegen Nebel', 'latin'],
    ['voilà «\u00a0brouillard\u00a0»', 'latin'],
    ['задержка из-за тумана', 'cyrillic'],
    ['καθυστέρηση', 'greek'],
    ['تأخير', 'arabic'],
    ['עיכוב', 'hebrew'],
    ['विलंब', 'devanagari'],
    ['ล่าช้า', 'thai'],
    ['霧のため遅延', 'cjk'],
    ['안개로 지연', 'cjk'],
    ['Рейс AA 12', 'mixed'],
    ['დაგვიანება', 'unlisted'],
    ['→ ✈', 'symbols'],
  ])('%s is %s', (text, expected) => {
    expect(encodingClass(text)).toBe(expected);
  });

  test.each([
    ['UTF-8 read as Latin-1', Buffer.from('verspätet', 'utf8').toString('latin1')],
    ['UTF-8 of three bytes read as Latin-1', Buffer.from('霧のため', 'utf8').toString('latin1')],
    ['UTF-8 read as Windows-1252', 'itâ€™s'],
    ['Latin-1 read as UTF-8', Buffer.from('verspätet', 'latin1').toString('utf8')],
    ['half of a surrogate pair', '✈\ud83d'],
  ])('broken: %s', (_, text) => {
    expect(encodingClass(text)).toBe('broken');
  });
});

describe('words', () => {
  test('a text without words knows them all', () => {
    expect(unknownShareOf(' - ! ', () => false)).toBe(0);
  });

  test('the share is that of the words', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const words = wordsOf(text);
        const first = words[0];
        const expected = words.length === 0 ? 0 : words.filter((word) => word !== first).length / words.length;
        expect(unknownShareOf(text, (word) => word === first)).toBeCloseTo(expected, 12);
      }),
    );
  });
});

describe('3-grams', () => {
  test('are inside their buckets, one a character, and blind to case and white space', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 'é', '霧', '✈️', 'x '), { minLength: 1 }),
        fc.integer({ min: 1, max: 300 }),
        (parts, buckets) => {
          const text = parts.join('');
          const found = ngramBuckets(text, buckets);
          expect(found.every((bucket) => Number.isInteger(bucket) && bucket >= 0 && bucket < buckets)).toBe(true);
          expect(found).toHaveLength(Array.from(text.trim()).length);
          expect(ngramBuckets(`\n ${text.toUpperCase().toLowerCase().replaceAll(' ', ' \t ')}`, buckets)).toEqual(
            found,
          );
        },
      ),
    );
  });

  test('spread over the buckets: no more than a few share one', () => {
    const grams = Array.from(
      { length: 26 ** 2 },
      (_, i) => `${String.fromCharCode(97 + (i % 26))}${String.fromCharCode(97 + Math.floor(i / 26))}`,
    );
    const counts = new Float64Array(128);
    for (const gram of grams)
      counts[ngramBuckets(`${gram}q`, 128)[1] ?? 0] = (counts[ngramBuckets(`${gram}q`, 128)[1] ?? 0] ?? 0) + 1;
    // Poisson with mean 5.3: 20 or more in one of 128 buckets comes once in 10,000 tables.
    expect(Math.max(...counts)).toBeLessThan(20);
  });

  test('of a text that is longer than what is looked at cost no more', () => {
    expect(ngramBuckets('x'.repeat(100_000), 64)).toHaveLength(4_096);
  });
});
