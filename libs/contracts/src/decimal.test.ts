import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareDecimals, parseDecimal, wholeDigits, type Decimal } from './decimal.ts';

function written({ digits, scale }: Decimal): string {
  const text = String(digits < 0n ? -digits : digits).padStart(scale + 1, '0');
  const point = text.length - scale;
  return `${digits < 0n ? '-' : ''}${text.slice(0, point)}${scale > 0 ? `.${text.slice(point)}` : ''}`;
}

function decimal(text: string): Decimal {
  const parsed = parseDecimal(text);
  if (parsed === null) throw new Error(`${text} is no decimal`);
  return parsed;
}

describe('parseDecimal', () => {
  it.each([
    ['0', 0n, 0],
    ['-0.000', 0n, 0],
    ['12.50', 125n, 1],
    ['1200', 1200n, 0],
    ['0.05', 5n, 2],
    ['-1.2e3', -1200n, 0],
    ['1.2E-3', 12n, 4],
    ['+007', 7n, 0],
    ['12345678901234567890.12', 1234567890123456789012n, 2],
  ] as const)('%s', (text, digits, scale) => {
    expect(parseDecimal(text)).toEqual({ digits, scale });
  });

  it.each(['', '.5', '5.', '1e', 'NaN', 'Infinity', '0x10', '1 ', '1e999', '1e9999999', '9'.repeat(200)])(
    '%j is none',
    (text) => {
      expect(parseDecimal(text)).toBeNull();
    },
  );

  it('keeps what is written, whatever the digits', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 60n), max: 10n ** 60n }), fc.nat(40), (digits, scale) => {
        const value = decimal(written({ digits, scale }));
        expect(value.digits * 10n ** BigInt(scale - value.scale)).toBe(digits);
        expect(value.scale === 0 || value.digits % 10n !== 0n).toBe(true);
        expect(parseDecimal(written(value))).toEqual(value);
      }),
    );
  });

  it('agrees with the numbers of JavaScript where those are exact', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.maxSafeInteger(), (a, b) => {
        expect(Math.sign(compareDecimals(decimal(String(a)), decimal(String(b))))).toBe(Math.sign(a - b));
      }),
    );
  });
});

it.each([
  ['0.1', '0.10', 0],
  ['0.1', '0.1000000000000000055', -1],
  ['-2', '1.5', -1],
  ['100', '99.999', 1],
] as const)('compares %s with %s', (a, b, expected) => {
  expect(compareDecimals(decimal(a), decimal(b))).toBe(expected);
});

it.each([
  ['0', 0],
  ['0.05', 0],
  ['120', 3],
  ['-12.50', 2],
] as const)('%s has %i digits before the point', (text, digits) => {
  expect(wholeDigits(decimal(text))).toBe(digits);
});
