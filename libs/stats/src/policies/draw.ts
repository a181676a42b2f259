import { pickArm } from './exploration.ts';

const PRIME_LOW = 0x1b3;
const TWO_32 = 0x1_0000_0000;
const MASK_64 = 0xffff_ffff_ffff_ffffn;
const encoder = new TextEncoder();

/**
 * FNV-1a, 64 bits, of the UTF-8 bytes of `text` (Fowler, Noll, Vo; draft-eastlake-fnv, section 2), as its two 32-bit halves. The
 * prime is 2^40 + 0x1b3, so the product is taken in halves that stay exact in doubles. O(bytes).
 *
 * fnv1a64('foobar') // → {"high":2241085809,"low":4147734504}
 */
export function fnv1a64(text: string): { readonly high: number; readonly low: number } {
  let high = 0xcbf29ce4;
  let low = 0x84222325;
  for (const byte of encoder.encode(text)) {
    low = (low ^ byte) >>> 0;
    const product = low * PRIME_LOW;
    const carry = Math.floor(product / TWO_32);
    high = (high * PRIME_LOW + carry + ((low << 8) >>> 0)) % TWO_32;
    low = product % TWO_32;
  }
  return { high, low };
}

/** The finalizer of MurmurHash3 (Appleby 2011): every input bit moves every output bit, which FNV alone does not give short texts. */
function mix64(hash: bigint): bigint {
  let mixed = hash;
  mixed ^= mixed >> 33n;
  mixed = (mixed * 0xff51_afd7_ed55_8ccdn) & MASK_64;
  mixed ^= mixed >> 33n;
  mixed = (mixed * 0xc4ce_b9fe_1a85_ec53n) & MASK_64;
  return mixed ^ (mixed >> 33n);
}

/**
 * The draw of one unit under one salt: hash64(salt ‖ 0 ‖ unit) as a number in [0, 1), the same for ever. Under one salt the units
 * below a weight stay below every larger weight, so that a growing canary keeps the units it had.
 *
 * drawOf('explore', 'a') // → 0.2100112379182799
 */
export function drawOf(salt: string, unit: string): number {
  const { high, low } = fnv1a64(`${salt}\0${unit}`);
  const mixed = mix64((BigInt(high) << 32n) | BigInt(low));
  // 53 bits are what a double holds exactly, so 1 is never reached.
  return Number(mixed >> 11n) / 2 ** 53;
}

/**
 * The place of the arm that a draw for `purpose` gives: the same for the same seed and probabilities, so that a logged draw can be done
 * again. `explore`: a version of a model; `choose`: one of its actions.
 *
 * drawArm('explore', 'a', [0.2, 0.5, 0.3]) // → 1
 */
export function drawArm(purpose: 'explore' | 'choose', seed: string, pmf: readonly number[]): number {
  return pickArm(pmf, drawOf(purpose, seed));
}
