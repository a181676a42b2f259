import { MalformedBytes } from './byte-reader.ts';

/** RFC 3339 without offset, with `digits` of the second's fraction. */
export function isoText(nanos: bigint, digits: number): string {
  const seconds = nanos / 1_000_000_000n - (nanos % 1_000_000_000n < 0n ? 1n : 0n);
  const fraction = nanos - seconds * 1_000_000_000n;
  const date = new Date(Number(seconds) * 1_000);
  if (Number.isNaN(date.getTime())) throw new MalformedBytes(`a time of ${seconds} s from 1970 is beyond the calendar`);
  const whole = date.toISOString().replace(/\.000Z$/, '');
  return digits === 0 ? whole : `${whole}.${fraction.toString().padStart(9, '0').slice(0, digits)}`;
}

/** Nanoseconds from 1970 of an ISO 8601 text with at most nine digits of the second's fraction; without an offset it is UTC. */
export function nanosOf(text: string): bigint {
  const [, whole = '', fraction = '', offset = ''] = /^(.*?)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?$/.exec(text) ?? [];
  const ms = Date.parse(whole + (offset === '' ? 'Z' : offset));
  if (Number.isNaN(ms)) throw new RangeError(`not a time: ${text.slice(0, 50)}`);
  return BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
}

/**
 * The decimal text of an unscaled number in two's complement, big endian, with `scale` digits after the point.
 *
 * @example decimalText(Buffer.from([0xff, 0x38]), 2) // '-2.00'
 */
export function decimalText(bytes: Buffer, scale: number): string {
  const unsigned = bytes.length === 0 ? 0n : BigInt(`0x${bytes.toString('hex')}`);
  const value = BigInt.asIntN(Math.max(1, bytes.length) * 8, unsigned);
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0');
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  return value < 0n ? `-${text}` : text;
}
