export interface KllOptions {
  /** Items of the highest level; the error falls as 1/size. Default 200. Even, at least 8. */
  readonly size?: number;
  /** Seed of the coins, 32 bits. Sketches that will be merged need different ones: take a hash of the part (partition, pane). */
  readonly seed?: number;
}

/** What a `KllSketch` holds, for storage and merging. */
export interface KllState {
  readonly size: number;
  readonly seed: number;
  readonly rows: number;
  readonly min: number;
  readonly max: number;
  /** Items of level h, ascending; each stands for 2^h rows. */
  readonly levels: readonly (readonly number[])[];
  /** How often each level was halved: what the error bound follows from. */
  readonly halvings: readonly number[];
}

/** A level is never smaller than this. */
const levelMin = 8;
/** Each level below is smaller by this factor. */
const shrink = 2 / 3;

/** One bit, from the seed, the level and how often it was halved. */
function coin(seed: number, level: number, halving: number): number {
  let h = (seed ^ Math.imul(level + 1, 0x9e3779b1) ^ Math.imul(halving + 1, 0x85ebca6b)) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return ((h ^ (h >>> 16)) >>> 7) & 1;
}

class Level {
  items: Float64Array;
  count = 0;
  halvings = 0;

  constructor(room: number) {
    this.items = new Float64Array(room);
  }

  push(value: number): void {
    if (this.count === this.items.length) {
      const more = new Float64Array(2 * this.items.length);
      more.set(this.items);
      this.items = more;
    }
    this.items[this.count] = value;
    this.count += 1;
  }

  sorted(): Float64Array {
    return this.items.subarray(0, this.count).sort();
  }
}

/**
 * Quantiles of a stream in little memory (about 3 · size + 8 · log₂(rows / size) numbers), with an error in rank that can be proved, and
 * that can be merged. NaN values are left out. A value costs O(log size) amortised.
 *
 * Error. Halving level h keeps every other one of its sorted items, by a fair coin, and moves a rank by at most 2^h up or down with the same
 * chance. So after m_h halvings a rank is off by Σ ±2^h at most: never by more than Σ m_h 2^h, and by Hoeffding's inequality by more than √(2
 * ln(2/δ) Σ m_h 4^h) with a chance of at most δ. The m_h of merged sketches add up, so the bound covers merging in any shape: `rankError` gives
 * it for the halvings that took place.
 *
 * Merging is commutative exactly, and associative within the bound. It is not the same however rows are divided: which items are kept depends on
 * which rows came together, for any sketch of this kind. Where replicas must report the same whatever their share was, use summaries that
 * are exact to merge: `BinCounter` (edges are known), `logBin` (1 % of the value, edges are not known) or `RowSample` (rows have ids). KLL is for
 * unknown ranges at a stated error in rank, such as building a reference.
 *
 * Source: Z. Karnin, K. Lang and E. Liberty (2016), Optimal quantile approximation in streams, FOCS, 71-78, section 3; W. Hoeffding (1963), JASA 58,
 * 13-30, theorem 2.
 *
 * const s = new KllSketch({ seed: 1 }); for (let i = 1; i <= 100; i += 1) s.add(i); [s.quantile(0.5), s.rankError(0.99)] // → [50,0]
 */
export class KllSketch {
  #size: number;
  #seed: number;
  #rows = 0;
  #min = Infinity;
  #max = -Infinity;
  #levels: Level[];
  #roomOfFirst: number;

  constructor(options: KllOptions = {}) {
    this.#size = Math.max(levelMin, options.size ?? 200);
    this.#seed = (options.seed ?? 1) >>> 0;
    this.#levels = [new Level(this.#size)];
    this.#roomOfFirst = this.#size;
  }

  get rows(): number {
    return this.#rows;
  }

  /** Infinity before the first value. */
  get min(): number {
    return this.#min;
  }

  /** -Infinity before the first value. */
  get max(): number {
    return this.#max;
  }

  add(value: number): void {
    if (Number.isNaN(value)) return;
    this.#rows += 1;
    if (value < this.#min) this.#min = value + 0;
    if (value > this.#max) this.#max = value + 0;
    const first = this.#levels[0];
    // -0 is 0: JSON does not tell them apart.
    first?.push(value + 0);
    if (first !== undefined && first.count >= this.#roomOfFirst) this.#compact();
  }

  /** Adds the rows of another sketch. The smaller size counts from now on. */
  merge(state: KllState): void {
    this.#size = Math.min(this.#size, state.size);
    this.#seed = (this.#seed + state.seed) >>> 0;
    this.#rows += state.rows;
    if (state.rows > 0) {
      this.#min = Math.min(this.#min, state.min);
      this.#max = Math.max(this.#max, state.max);
    }
    while (this.#levels.length < state.levels.length) this.#levels.push(new Level(levelMin));
    state.levels.forEach((items, h) => {
      const level = this.#levels[h];
      for (const item of items) level?.push(item);
      if (level !== undefined) level.halvings += state.halvings[h] ?? 0;
    });
    this.#roomOfFirst = this.#room(0);
    this.#compact();
  }

  /** Share of the rows at or below `x`; NaN without rows. O(size). */
  rank(x: number): number {
    let below = 0;
    this.#levels.forEach(({ items, count }, h) => {
      for (let i = 0; i < count; i += 1) if ((items[i] ?? 0) <= x) below += 2 ** h;
    });
    return below / this.#rows;
  }

  /** The smallest kept value with a rank of at least `q` in [0, 1]; NaN without rows. O(size log size). */
  quantile(q: number): number {
    if (this.#rows === 0) return Number.NaN;
    if (q <= 0) return this.#min;
    if (q >= 1) return this.#max;
    const { values, weights } = this.weighted();
    let below = 0;
    for (let i = 0; i < values.length; i += 1) {
      below += weights[i] ?? 0;
      if (below >= q * this.#rows) return values[i] ?? this.#max;
    }
    return this.#max;
  }

  /** The kept values, ascending, and the rows that each stands for: an empirical distribution within `rankErrorEverywhere`. O(size log size). */
  weighted(): { readonly values: Float64Array; readonly weights: Float64Array } {
    const all = this.#levels.flatMap(({ items, count }, h) =>
      Array.from(items.subarray(0, count), (value) => [value, 2 ** h] as const),
    );
    all.sort(([a, w], [b, v]) => a - b || w - v);
    return {
      values: Float64Array.from(all, ([value]) => value),
      weights: Float64Array.from(all, ([, weight]) => weight),
    };
  }

  /** The rank of a value that was not chosen by looking at the sketch is within this share of the rows, with the given probability; 1 for certain. */
  rankError(confidence: number): number {
    if (this.#rows === 0) return 0;
    let certain = 0;
    let variance = 0;
    this.#levels.forEach(({ halvings }, h) => {
      certain += halvings * 2 ** h;
      variance += halvings * 4 ** h;
    });
    const likely = confidence >= 1 ? Infinity : Math.sqrt(2 * Math.log(2 / (1 - confidence)) * variance);
    return Math.min(certain, likely) / this.#rows;
  }

  /**
   * All ranks at once are within this share of the rows, with the given probability: the bound holds at 1/e quantiles together, and a rank
   * between two of them is off by at most e more.
   */
  rankErrorEverywhere(confidence: number): number {
    const certain = this.rankError(1);
    if (certain === 0 || confidence >= 1) return certain;
    const step = this.rankError(confidence);
    const points = Math.ceil(1 / step);
    return Math.min(certain, this.rankError(1 - (1 - confidence) / points) + step);
  }

  state(): KllState {
    return {
      ...{ size: this.#size, seed: this.#seed, rows: this.#rows },
      // Infinity is not JSON; without rows they are not read.
      min: this.#rows === 0 ? 0 : this.#min,
      max: this.#rows === 0 ? 0 : this.#max,
      levels: this.#levels.map((level) => [...level.sorted()]),
      halvings: this.#levels.map(({ halvings }) => halvings),
    };
  }

  #room(level: number): number {
    return Math.max(levelMin, Math.ceil(this.#size * shrink ** (this.#levels.length - 1 - level)));
  }

  /** Halves every level that is full, from below. */
  #compact(): void {
    for (let h = 0; h < this.#levels.length; h += 1) {
      const level = this.#levels[h];
      if (level === undefined || level.count < this.#room(h)) continue;
      const above = this.#levels[h + 1] ?? new Level(levelMin);
      if (h + 1 === this.#levels.length) this.#levels.push(above);
      const items = level.sorted();
      const offset = coin(this.#seed, h, level.halvings);
      // Of an odd number the largest stays, with its weight.
      const pairs = level.count >> 1;
      for (let i = 0; i < pairs; i += 1) above.push(items[2 * i + offset] ?? 0);
      const left = level.count & 1;
      if (left === 1) level.items[0] = items[2 * pairs] ?? 0;
      level.count = left;
      level.halvings += 1;
    }
    this.#roomOfFirst = this.#room(0);
  }
}

/** Distance of two sketches. */
export interface SketchKs {
  /** Largest distance of the two weighted distributions. */
  readonly statistic: number;
  /** The distance of the rows themselves is within this of it, with the given probability. */
  readonly error: number;
}

/**
 * Kolmogorov-Smirnov statistic of the rows behind two sketches, and how far it may be off. NaN when a side is empty. O(size log size).
 *
 * Source: N. Smirnov (1939); the triangle inequality of the supremum distance.
 *
 * const [a, b] = [new KllSketch(), new KllSketch()]; [1, 2].forEach((x) => a.add(x)); [2, 3].forEach((x) => b.add(x)); ksFromSketches(a, b, 0.99) // → {"statistic":0.5,"error":0}
 */
export function ksFromSketches(a: KllSketch, b: KllSketch, confidence: number): SketchKs {
  if (a.rows === 0 || b.rows === 0) return { statistic: Number.NaN, error: Number.NaN };
  const [x, y] = [a.weighted(), b.weighted()];
  let [i, j, below, belowOther, statistic] = [0, 0, 0, 0, 0];
  while (i < x.values.length || j < y.values.length) {
    const value = Math.min(x.values[i] ?? Infinity, y.values[j] ?? Infinity);
    for (; i < x.values.length && x.values[i] === value; i += 1) below += x.weights[i] ?? 0;
    for (; j < y.values.length && y.values[j] === value; j += 1) belowOther += y.weights[j] ?? 0;
    statistic = Math.max(statistic, Math.abs(below / a.rows - belowOther / b.rows));
  }
  // Each side gets half of what may fail.
  const each = confidence >= 1 ? 1 : 1 - (1 - confidence) / 2;
  return { statistic, error: a.rankErrorEverywhere(each) + b.rankErrorEverywhere(each) };
}
