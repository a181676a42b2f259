/** Hashes are whole numbers below 2^53. */
const hashSpan = 2 ** 53;

/**
 * 53-bit hash of a text by its UTF-16 units: two multiplicative lanes, each finished with the mixer of MurmurHash3 (Appleby 2011, fmix32),
 * 32 bits of one and 21 of the other. Not for adversaries. Among n different texts the chance of any collision is about n²/2^54.
 * O(length).
 *
 * @example
 * hashText('a') === hashText('a') // → true
 * @example
 * hashText('a') < 2 ** 53 // → true
 */
export function hashText(text: string): number {
  let low = 0x9747b28c ^ text.length;
  let high = 0x2f0b4a27;
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    low = Math.imul(low ^ unit, 0x01000193);
    high = Math.imul(high + unit, 0x5bd1e995);
    high ^= high >>> 15;
  }
  return mixed(high ^ low) * 2 ** 21 + (mixed(low) >>> 11);
}

function mixed(hash: number): number {
  let h = hash ^ (hash >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** One value and how often it came; `text` is for people, and empty where only hashes are kept. */
export interface CountedValue {
  readonly hash: number;
  count: number;
  readonly text: string;
}

/** What `ValueCounts` holds, by hash, ascending. */
export interface ValueCountsState {
  readonly values: readonly CountedValue[];
  /** False once values were left out. */
  readonly complete: boolean;
}

/**
 * How often each value came, in bounded memory: exact up to `valuesMax` different values; beyond, the values with the smallest hashes are
 * kept (bottom-k, Cohen and Kaplan 2007, PODC, section 1), each still with its exact count: a value that is among the smallest of all is
 * among the smallest of every part, so it was never left out of one. Hence the result is the same however the values are divided,
 * merged and ordered. Once incomplete, shares are estimates over a uniform sample of the different values.
 */
export class ValueCounts {
  readonly #valuesMax: number;
  readonly #byHash = new Map<number, CountedValue>();
  #complete = true;
  /** Hashes from here on are left out. */
  #limit = hashSpan;

  constructor(valuesMax: number) {
    this.#valuesMax = valuesMax;
  }

  /** Counts a value. Amortised O(1). */
  add(hash: number, count = 1, text = ''): void {
    if (hash >= this.#limit) {
      this.#complete = false;
      return;
    }
    const known = this.#byHash.get(hash);
    if (known !== undefined) known.count += count;
    else {
      this.#byHash.set(hash, { hash, count, text });
      // Twice the room before it is tidied, so that tidying costs little for each value.
      if (this.#byHash.size >= 2 * this.#valuesMax) this.#tidy();
    }
  }

  /** Adds what another one, of the same `valuesMax`, holds. */
  merge(state: ValueCountsState): void {
    if (!state.complete) this.#complete = false;
    for (const { hash, count, text } of state.values) this.add(hash, count, text);
  }

  state(): ValueCountsState {
    this.#tidy();
    return { values: [...this.#byHash.values()].sort((a, b) => a.hash - b.hash), complete: this.#complete };
  }

  #tidy(): void {
    if (this.#byHash.size <= this.#valuesMax) return;
    this.#complete = false;
    const hashes = [...this.#byHash.keys()].sort((a, b) => a - b);
    this.#limit = hashes[this.#valuesMax] ?? hashSpan;
    for (const hash of hashes.slice(this.#valuesMax)) this.#byHash.delete(hash);
  }
}

/**
 * Number of different values: exact while complete, else (k-1)/U with U the largest kept hash as a share of all hashes, whose relative
 * standard error is about 1/√(k-2) (Beyer et al. 2007, SIGMOD, section 4.1).
 *
 * @example
 * distinctValues({ values: [{ hash: 7, count: 2, text: '' }], complete: true }) // → 1
 */
export function distinctValues({ values, complete }: ValueCountsState): number {
  const last = values.at(-1);
  return complete || last === undefined ? values.length : ((values.length - 1) * hashSpan) / last.hash;
}

/**
 * Share of counts that repeat a value that was counted already: exact while complete, else that of the sampled values.
 *
 * @example
 * repeatedShare({ values: [{ hash: 7, count: 2, text: '' }, { hash: 9, count: 2, text: '' }], complete: true }) // → 0.5
 */
export function repeatedShare({ values }: ValueCountsState): number {
  const rows = values.reduce((sum, { count }) => sum + count, 0);
  return rows === 0 ? 0 : (rows - values.length) / rows;
}

/**
 * Share of counts whose value is not among the known ones: exact while complete, else that of the sampled values.
 *
 * @example
 * unknownShare({ values: [{ hash: 7, count: 1, text: '' }, { hash: 9, count: 3, text: '' }], complete: true }, new Set([9])) // → 0.25
 */
export function unknownShare({ values }: ValueCountsState, known: { has(hash: number): boolean }): number {
  let rows = 0;
  let unknown = 0;
  for (const { hash, count } of values) {
    rows += count;
    if (!known.has(hash)) unknown += count;
  }
  return rows === 0 ? 0 : unknown / rows;
}
