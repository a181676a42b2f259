import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawOf, fnv1a64 } from './draw.ts';

const hex = ({ high, low }: { high: number; low: number }): string =>
  high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');

/** FNV-1a as it is defined, on 64-bit integers. */
function reference(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text))
    hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  return hash.toString(16).padStart(16, '0');
}

describe('fnv1a64', () => {
  // Published vectors: draft-eastlake-fnv, appendix C.
  it.each([
    ['', 'cbf29ce484222325'],
    ['a', 'af63dc4c8601ec8c'],
    ['foobar', '85944171f73967e8'],
  ])('of %j', (text, expected) => {
    expect(hex(fnv1a64(text))).toBe(expected);
  });

  it('equals the definition on 64-bit integers', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => hex(fnv1a64(text)) === reference(text)));
  });
});

describe('drawOf', () => {
  it('lies in [0, 1) and does not change', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (salt, unit) => {
        const draw = drawOf(salt, unit);
        return draw >= 0 && draw < 1 && draw === drawOf(salt, unit);
      }),
    );
  });

  it('tells where the salt ends', () => {
    expect(drawOf('ab', 'c')).not.toBe(drawOf('a', 'bc'));
  });

  it('is uniform over units that differ only in their last digits (chi-square, 20 bins, 99.9 %)', () => {
    const bins = Array.from({ length: 20 }, () => 0);
    const units = 20_000;
    for (let unit = 0; unit < units; unit += 1) {
      const bin = Math.floor(drawOf('m/2', `2013-05-01.UA.${unit}.EWR`) * 20);
      bins[bin] = (bins[bin] ?? 0) + 1;
    }
    const expected = units / 20;
    const chiSquare = bins.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // Quantile .999 of chi-square with 19 degrees of freedom (scipy.stats.chi2.ppf, 1.16).
    expect(chiSquare).toBeLessThan(43.82);
  });
});
