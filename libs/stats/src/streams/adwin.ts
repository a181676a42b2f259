export interface AdwinOptions {
  /** Bound on the probability of a false alarm at one look, (0, 1). Default 0.002. */
  readonly delta?: number;
  /** Values between two looks. Default 32. */
  readonly clock?: number;
  /** Buckets of one size; more make finer cuts and more memory. Default 5. */
  readonly bucketsMax?: number;
  /** Fewest values on either side of a cut. Default 5. */
  readonly sideMin?: number;
  /** No look before the window has more values than this. Default 10. */
  readonly graceRows?: number;
  /**
   * After a change: `shrink` (default) keeps the values after it, as in the source, and may tell of one change several times while the
   * window shrinks; `restart` begins anew, as River does.
   */
  readonly afterChange?: 'shrink' | 'restart';
}

/** Everything an `Adwin` knows, for storage. */
export interface AdwinState {
  /** Totals and sums of squared deviations of the buckets; those of 2^i values at i, oldest first. */
  readonly levels: readonly { readonly totals: readonly number[]; readonly squares: readonly number[] }[];
  readonly rows: number;
  readonly width: number;
  readonly total: number;
  readonly squares: number;
}

/** A window of 2^48 values takes longer than anybody waits. */
const levelsMax = 48;

/**
 * Adaptive window: keeps the longest stretch of recent values whose mean is constant, and tells when it had to drop older ones because the
 * mean changed. Values of any unit; steps are found soonest where they are large beside the variance. Memory is O(bucketsMax · log width)
 * numbers, fixed; a value costs O(1) amortised and a look (every `clock` values) O(bucketsMax · log width) per dropped bucket. Allocates
 * nothing after construction.
 *
 * A cut of the window W into n0 old and n1 new values is a change when |mean0 - mean1| > √(2 σ² δ' / m) + 2 δ' / (3 m), with
 * 1/m = 1/(n0 - sideMin + 1) + 1/(n1 - sideMin + 1) and δ' = ln(2 ln|W| / δ). The oldest bucket is then dropped and all cuts are looked at
 * again.
 *
 * Not for many input features at once: each look may be a false alarm, and nothing corrects for their number. One stream of a loss, a
 * rejection rate or a mean score is what it is for.
 *
 * Source: A. Bifet and R. Gavaldà (2007), Learning from time-changing data with adaptive windowing, SIAM Data Mining, 443-448 (the
 * algorithm ADWIN2, equation of section 3.2); buckets by M. Datar et al. (2002), SIAM J. Comput. 31, 1794-1813; variances by B. Babcock
 * et al. (2003), PODS, 234-243. The conventions (clock, sideMin, order of merging) are those of River 0.23.0, whose alarms it repeats
 * with `afterChange: 'restart'`.
 */
export class Adwin {
  readonly #delta: number;
  readonly #clock: number;
  readonly #capacity: number;
  readonly #sideMin: number;
  readonly #graceRows: number;
  readonly #restarts: boolean;
  /** Bucket k of level i stands at i · capacity + k. */
  readonly #totals: Float64Array;
  readonly #squares: Float64Array;
  readonly #counts = new Uint8Array(levelsMax);
  #levels = 1;
  #rows = 0;
  #width = 0;
  #total = 0;
  #square = 0;

  constructor(options: AdwinOptions = {}) {
    this.#delta = options.delta ?? 0.002;
    this.#clock = options.clock ?? 32;
    this.#capacity = (options.bucketsMax ?? 5) + 1;
    this.#sideMin = options.sideMin ?? 5;
    this.#graceRows = options.graceRows ?? 10;
    this.#restarts = options.afterChange === 'restart';
    this.#totals = new Float64Array(levelsMax * this.#capacity);
    this.#squares = new Float64Array(levelsMax * this.#capacity);
  }

  /** Values in the window. */
  get width(): number {
    return this.#width;
  }

  /** Mean of the window; NaN before the first value. */
  get mean(): number {
    return this.#total / this.#width;
  }

  /** Variance of the window (divided by its width); NaN before the first value. */
  get variance(): number {
    return this.#square / this.#width;
  }

  /** Takes the next value; true when the mean has changed. A value that is not finite is left out. */
  add(value: number): boolean {
    if (!Number.isFinite(value)) return false;
    this.#insert(value);
    this.#rows += 1;
    if (this.#rows % this.#clock !== 0 || this.#width <= this.#graceRows || !this.#shrink()) return false;
    if (this.#restarts) this.restore({ levels: [], rows: 0, width: 0, total: 0, squares: 0 });
    return true;
  }

  state(): AdwinState {
    const levels = Array.from({ length: this.#levels }, (_, level) => {
      const [from, to] = [level * this.#capacity, level * this.#capacity + (this.#counts[level] ?? 0)];
      return { totals: [...this.#totals.subarray(from, to)], squares: [...this.#squares.subarray(from, to)] };
    });
    return { levels, rows: this.#rows, width: this.#width, total: this.#total, squares: this.#square };
  }

  /** Goes on from a state that one with the same options gave. */
  restore({ levels, rows, width, total, squares }: AdwinState): void {
    this.#levels = Math.max(1, levels.length);
    this.#counts.fill(0);
    levels.forEach((level, i) => {
      this.#counts[i] = level.totals.length;
      this.#totals.set(level.totals, i * this.#capacity);
      this.#squares.set(level.squares, i * this.#capacity);
    });
    [this.#rows, this.#width, this.#total, this.#square] = [rows, width, total, squares];
  }

  #insert(value: number): void {
    this.#append(0, value, 0);
    this.#width += 1;
    if (this.#width > 1) {
      const before = this.#width - 1;
      const distance = value - this.#total / before;
      this.#square += (before * distance * distance) / this.#width;
    }
    this.#total += value;
    this.#compress();
  }

  #append(level: number, total: number, squares: number): void {
    const count = this.#counts[level] ?? 0;
    this.#totals[level * this.#capacity + count] = total;
    this.#squares[level * this.#capacity + count] = squares;
    this.#counts[level] = count + 1;
    if (level >= this.#levels) this.#levels = level + 1;
  }

  /** The oldest two buckets of a full level become one of the next. */
  #compress(): void {
    for (let level = 0; level + 1 < levelsMax && this.#counts[level] === this.#capacity; level += 1) {
      const at = level * this.#capacity;
      const size = 2 ** level;
      const [total0, total1] = [this.#totals[at] ?? 0, this.#totals[at + 1] ?? 0];
      const distance = total0 / size - total1 / size;
      const between = (size * size * distance * distance) / (size + size);
      this.#append(level + 1, total0 + total1, (this.#squares[at] ?? 0) + (this.#squares[at + 1] ?? 0) + between);
      this.#dropFirst(level, 2);
    }
  }

  #dropFirst(level: number, count: number): void {
    const at = level * this.#capacity;
    this.#totals.copyWithin(at, at + count, at + this.#capacity);
    this.#squares.copyWithin(at, at + count, at + this.#capacity);
    this.#counts[level] = (this.#counts[level] ?? 0) - count;
  }

  #dropOldest(): void {
    const level = this.#levels - 1;
    const at = level * this.#capacity;
    const size = 2 ** level;
    const total = this.#totals[at] ?? 0;
    this.#width -= size;
    this.#total -= total;
    const distance = total / size - this.#total / this.#width;
    this.#square -= (this.#squares[at] ?? 0) + (size * this.#width * distance * distance) / (size + this.#width);
    this.#dropFirst(level, 1);
    if (this.#counts[level] === 0 && level > 0) this.#levels = level;
  }

  #shrink(): boolean {
    let isChanged = false;
    while (this.#hasCut()) {
      isChanged = true;
      this.#dropOldest();
    }
    return isChanged;
  }

  /** Whether some cut between two buckets separates different means. */
  #hasCut(): boolean {
    const logTerm = Math.log((2 * Math.log(this.#width)) / this.#delta);
    const variance = this.#square / this.#width;
    let rows0 = 0;
    let total0 = 0;
    for (let level = this.#levels - 1; level >= 0; level -= 1) {
      const count = this.#counts[level] ?? 0;
      for (let k = 0; k < count; k += 1) {
        if (level === 0 && k === count - 1) return false;
        rows0 += 2 ** level;
        total0 += this.#totals[level * this.#capacity + k] ?? 0;
        const rows1 = this.#width - rows0;
        if (rows0 < this.#sideMin || rows1 < this.#sideMin) continue;
        const distance = total0 / rows0 - (this.#total - total0) / rows1;
        const reciprocal = 1 / (rows0 - this.#sideMin + 1) + 1 / (rows1 - this.#sideMin + 1);
        const limit = Math.sqrt(2 * reciprocal * variance * logTerm) + (2 / 3) * logTerm * reciprocal;
        if (Math.abs(distance) > limit) return true;
      }
    }
    return false;
  }
}
