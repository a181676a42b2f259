/** So much of a text is looked at, UTF-16 units: what a row costs is bounded. */
const textUnitsMax = 4_096;

/** Letters of these scripts have a class of their own. */
const scripts: readonly (readonly [name: string, letters: RegExp])[] = [
  ['latin', /\p{Script=Latin}/u],
  ['cyrillic', /\p{Script=Cyrillic}/u],
  ['greek', /\p{Script=Greek}/u],
  ['arabic', /\p{Script=Arabic}/u],
  ['hebrew', /\p{Script=Hebrew}/u],
  ['devanagari', /\p{Script=Devanagari}/u],
  ['thai', /\p{Script=Thai}/u],
  ['cjk', /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u],
];

const ascii = /^[\0-\x7f]*$/;
const letter = /\p{L}/u;
const known = new RegExp(scripts.map(([, { source }]) => source).join('|'), 'gu');
/** Replacement characters, C1 controls, lone surrogates, and UTF-8 that was read as Latin-1 or Windows-1252. */
const broken =
  /\ufffd|[\u0080-\u009f]|\p{Cs}|[\u00c2-\u00df][\u00a0-\u00bf]|[\u00e0-\u00ef][\u00a0-\u00bf]{2}|\u00e2\u20ac|\u00c3\u0192/u;

function looked(text: string): string {
  return text.length > textUnitsMax ? text.slice(0, textUnitsMax) : text;
}

/**
 * What a text is written in: "ascii"; the only script of its letters ("latin", "cyrillic", "greek", "arabic", "hebrew", "devanagari", "thai",
 * "cjk"); "mixed" of several; "unlisted" of others; "symbols" without letters; "broken" where its bytes were decoded wrongly somewhere.
 * O(length).
 *
 * Source: Script property of the Unicode Standard, Annex 24.
 *
 * @example
 * encodingClass('naïve') // → "latin"
 * @example
 * encodingClass('naÃ¯ve') // → "broken"
 */
export function encodingClass(text: string): string {
  const seen = looked(text);
  if (ascii.test(seen)) return 'ascii';
  if (broken.test(seen)) return 'broken';
  const found = scripts.filter(([, letters]) => letters.test(seen)).map(([name]) => name);
  if (letter.test(seen.replace(known, ''))) found.push('unlisted');
  if (found.length > 1) return 'mixed';
  return found[0] ?? 'symbols';
}

/**
 * Words of a text in lower case: runs of letters, marks and digits, so that of languages without spaces a word is a phrase. O(length).
 *
 * @example
 * wordsOf('The 2nd, the LAST') // → ["the","2nd","the","last"]
 */
export function wordsOf(text: string): readonly string[] {
  return (
    looked(text)
      .toLowerCase()
      .match(/[\p{L}\p{M}\p{N}]+/gu) ?? []
  );
}

/**
 * Share of the words that `isKnown` does not know, 0 to 1; 0 without words. O(length).
 *
 * @example
 * unknownShareOf('a b', (word) => word === 'a') // → 0.5
 */
export function unknownShareOf(text: string, isKnown: (word: string) => boolean): number {
  const words = wordsOf(text);
  if (words.length === 0) return 0;
  return words.reduce((sum, word) => sum + (isKnown(word) ? 0 : 1), 0) / words.length;
}

/**
 * Bucket of each 3-gram of characters (code points) of the text in lower case, with one space for all white space and one at either end: 0 to buckets -
 * 1. Tells languages, spellings and encodings apart and needs to know none. A text of n characters has about n. O(length).
 *
 * Source: W. B. Cavnar and J. M. Trenkle (1994), N-gram-based text categorization, SDAIR-94; hashing: fmix32 of MurmurHash3 (Appleby 2011).
 *
 * @example
 * ngramBuckets('ab', 64).length // → 2
 */
export function ngramBuckets(text: string, buckets: number): readonly number[] {
  const padded = ` ${looked(text).toLowerCase().replace(/\s+/gu, ' ').trim()} `;
  const units = Array.from(padded, (unit) => unit.codePointAt(0) ?? 0);
  const found: number[] = [];
  for (let i = 2; i < units.length; i += 1)
    found.push(hashed(units[i - 2] ?? 0, units[i - 1] ?? 0, units[i] ?? 0) % buckets);
  return found;
}

function hashed(a: number, b: number, c: number): number {
  let h = Math.imul(Math.imul(a, 0x9e37_79b1) ^ b, 0x85eb_ca77) ^ c;
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
