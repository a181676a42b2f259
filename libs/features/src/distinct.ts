import { hash as digest } from 'node:crypto';

/** Registers, 2^11: the standard error is 1.04 / sqrt(2048), 2.3 percent. */
export const registerCount = 2_048;
/** Bits of a hash beyond the number of its register. */
const restBits = 41;
/** Largest rank: one more than `restBits`. */
export const rankMax = restBits + 1;
/** Hexadecimal digits of the MD5 that are used: 52 bits. */
export const hashDigits = 13;

/** Bias correction for many registers (Flajolet, Fusy, Gandouet, Meunier, "HyperLogLog", AofA 2007, figure 3) times m^2 2^42. */
export const rawNumerator = (0.7213 / (1 + 1.079 / registerCount)) * registerCount * registerCount * 2 ** rankMax;
/** Up to here the number of empty registers says more. */
export const linearLimit = 2.5 * registerCount;

/** Largest rank that was seen, by register; absent is none. */
export type Registers = Map<number, number>;

/** Trailing zeros of a number below 2^41, plus one; 42 for 0. */
function rankOf(rest: number): number {
  const low = rest >>> 0;
  if (low !== 0) return 32 - Math.clz32(low & -low);
  const high = rest / 2 ** 32;
  return high === 0 ? rankMax : 64 - Math.clz32(high & -high);
}

/** Counts a value, given as text: the same text is the same value. The hash is MD5, for its spread and since DuckDB has it too. */
export function addDistinct(registers: Registers, text: string): void {
  const bits = Number.parseInt(digest('md5', text).slice(0, hashDigits), 16);
  addRank(registers, bits % registerCount, rankOf(Math.floor(bits / registerCount)));
}

export function addRank(registers: Registers, register: number, rank: number): void {
  if (rank > (registers.get(register) ?? 0)) registers.set(register, rank);
}

/**
 * How many different values were counted, about: HyperLogLog with linear counting for few (Flajolet et al. 2007; Whang et al., ACM TODS
 * 15(2), 1990). Standard error 2.3 percent; up to some hundred values mostly exact.
 */
export function estimateDistinct(registers: Registers): number {
  let sum = (registerCount - registers.size) * 2 ** rankMax;
  for (const rank of registers.values()) sum += 2 ** (rankMax - rank);
  const empty = registerCount - registers.size;
  const raw = rawNumerator / sum;
  if (raw > linearLimit || empty === 0) return Math.floor(raw + 0.5);
  return Math.floor(registerCount * Math.log(registerCount / empty) + 0.5);
}
