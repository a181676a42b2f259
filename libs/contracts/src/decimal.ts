/** A decimal number without loss: `digits * 10^-scale`, with no trailing zero after the point. */
export interface Decimal {
  readonly digits: bigint;
  readonly scale: number;
}

/** Longest text of a decimal, in characters: 76 digits with sign, point and exponent, and room for zeros. */
const charsMax = 128;
/** Largest exponent that is written out; beyond it a text is no decimal, so that `1e999999999` cannot exhaust memory. */
const exponentMax = 128;
const form = /^([+-]?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,4}))?$/;

/**
 * Reads a decimal from text as JSON writes numbers, a plus sign and leading zeros allowed; null for anything else.
 *
 * @example parseDecimal('12.50') // { digits: 125n, scale: 1 }
 */
export function parseDecimal(text: string): Decimal | null {
  if (text.length > charsMax) return null;
  const match = form.exec(text);
  if (match === null) return null;
  const [, sign, whole = '', fraction = '', exponentText = '0'] = match;
  const exponent = Number(exponentText);
  if (Math.abs(exponent) > exponentMax) return null;
  const all = `${whole}${fraction}`;
  const significant = all.replace(/0+$/, '');
  if (significant === '' || /^0+$/.test(significant)) return { digits: 0n, scale: 0 };
  const scale = fraction.length - exponent - (all.length - significant.length);
  const magnitude = scale < 0 ? BigInt(significant) * 10n ** BigInt(-scale) : BigInt(significant);
  return { digits: sign === '-' ? -magnitude : magnitude, scale: Math.max(0, scale) };
}

/** Negative, zero or positive as `a` is below, equal to or above `b`. */
export function compareDecimals(a: Decimal, b: Decimal): number {
  const scale = Math.max(a.scale, b.scale);
  const difference = a.digits * 10n ** BigInt(scale - a.scale) - b.digits * 10n ** BigInt(scale - b.scale);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** How many digits stand before the point: none for 0.05, three for 120. */
export function wholeDigits({ digits, scale }: Decimal): number {
  const written = digits === 0n ? '' : String(digits < 0n ? -digits : digits);
  return Math.max(0, written.length - scale);
}
