import { ksPValueExact } from '../hypotheses/ks-exact.ts';
import { randomIndex } from '../numerics/random.ts';

/** Draws `count` different places below `below` into `into`. */
export type DrawPlaces = (below: number, count: number, into: Uint32Array) => void;

export interface KswinOptions {
  /** Level of each test, (0, 1). Tests overlap: without change it alarms far more often than once in 1/alpha values. Default 0.005. */
  readonly alpha?: number;
  /** Values in the window. Default 100. */
  readonly windowRows?: number;
  /** Newest values that are compared with as many drawn from the older ones; at most half of the window. Default 30. */
  readonly testRows?: number;
  /** The same seed draws the same places, 32 bits. Default 1. */
  readonly seed?: number;
  /** Instead of the seeded draw. */
  readonly draw?: DrawPlaces;
  /** What stays after an alarm: the newest values, as in the source (default), or none, as in River. */
  readonly keeps?: 'newest' | 'none';
}

/** Everything a `Kswin` knows but its draw, for storage. */
export interface KswinState {
  /** Oldest first. */
  readonly values: readonly number[];
  readonly rows: number;
}

/** Places without replacement: the first of a shuffle (Fisher and Yates 1938; Durstenfeld 1964), seeded by the row. */
function seededDraw(seed: number, size: number): (row: number) => DrawPlaces {
  const places = new Uint32Array(size);
  return (row) => (below, count, into) => {
    const random = randomIndex(seed ^ Math.imul(row, 0x9e3779b1));
    for (let i = 0; i < below; i += 1) places[i] = i;
    for (let i = 0; i < count; i += 1) {
      const at = i + random(below - i);
      const chosen = places[at] ?? 0;
      places[at] = places[i] ?? 0;
      into[i] = chosen;
    }
  };
}

/** The least distance, in units of 1/rows, whose exact p-value is at most alpha and that exceeds 0.1. */
function criticalSteps(rows: number, alpha: number): number {
  let steps = Math.floor(0.1 * rows + 1e-9) + 1;
  while (steps <= rows && ksPValueExact(steps / rows, rows, rows) > alpha) steps += 1;
  return steps;
}

/**
 * Kolmogorov-Smirnov windowing: tells when the newest `testRows` values of a sliding window differ in distribution (not only in mean) from as
 * many drawn at random from the older ones. Memory is the window; a value costs O(testRows log testRows + windowRows). Allocates nothing a
 * value with `draw` given, else one closure.
 *
 * The exact p-value of a distance falls with it, so the critical distance is computed once and no p-value a step. Distances up to 0.1 never count.
 *
 * Source: C. Raab, M. Heusinger and F.-M. Schleif (2020), Reactive soft prototype computing for concept drift streams, Neurocomputing 416,
 * 340-351, algorithm 1; the exact law in place of its bound, and the floor of 0.1, are those of River 0.23.0, whose alarms it repeats
 * when given the same places and `keeps: 'none'`.
 */
export class Kswin {
  readonly #window: Float64Array;
  readonly #old: Float64Array;
  readonly #new: Float64Array;
  readonly #places: Uint32Array;
  readonly #drawAt: (row: number) => DrawPlaces;
  readonly #critical: number;
  readonly #keepsNewest: boolean;
  #count = 0;
  #rows = 0;
  #distance = 0;

  constructor(options: KswinOptions = {}) {
    const size = options.windowRows ?? 100;
    const rows = Math.max(1, Math.min(options.testRows ?? 30, Math.floor(size / 2)));
    this.#window = new Float64Array(size);
    this.#old = new Float64Array(rows);
    this.#new = new Float64Array(rows);
    this.#places = new Uint32Array(rows);
    const { draw } = options;
    this.#drawAt = draw === undefined ? seededDraw(options.seed ?? 1, size) : () => draw;
    this.#critical = criticalSteps(rows, options.alpha ?? 0.005);
    this.#keepsNewest = options.keeps !== 'none';
  }

  /** Distance of the last test, 0 to 1. */
  get statistic(): number {
    return this.#distance / this.#new.length;
  }

  /** Exact p-value of the last test. O(testRows²). */
  get pValue(): number {
    return ksPValueExact(this.statistic, this.#new.length, this.#new.length);
  }

  /** Takes the next value; true when the distribution has changed. NaN is left out. */
  add(value: number): boolean {
    if (Number.isNaN(value)) return false;
    const size = this.#window.length;
    if (this.#count === size) {
      this.#window.copyWithin(0, 1);
      this.#count -= 1;
    }
    this.#window[this.#count] = value;
    this.#count += 1;
    this.#rows += 1;
    if (this.#count < size) return false;
    const rows = this.#new.length;
    this.#drawAt(this.#rows)(size - rows, rows, this.#places);
    for (let i = 0; i < rows; i += 1) this.#old[i] = this.#window[this.#places[i] ?? 0] ?? 0;
    this.#new.set(this.#window.subarray(size - rows));
    this.#distance = distanceOf(this.#old.sort(), this.#new.sort());
    if (this.#distance < this.#critical) return false;
    if (this.#keepsNewest) this.#window.copyWithin(0, size - rows);
    this.#count = this.#keepsNewest ? rows : 0;
    return true;
  }

  state(): KswinState {
    return { values: [...this.#window.subarray(0, this.#count)], rows: this.#rows };
  }

  /** Goes on from a state that one with the same options gave. */
  restore({ values, rows }: KswinState): void {
    this.#window.set(values);
    [this.#count, this.#rows] = [values.length, rows];
  }
}

/** Largest distance of two ascending samples of one size, in units of 1/size. */
function distanceOf(a: Float64Array, b: Float64Array): number {
  const size = a.length;
  let most = 0;
  let i = 0;
  let j = 0;
  while (i < size && j < size) {
    const [x, y] = [a[i] ?? 0, b[j] ?? 0];
    const value = Math.min(x, y);
    while (i < size && a[i] === value) i += 1;
    while (j < size && b[j] === value) j += 1;
    most = Math.max(most, Math.abs(i - j));
  }
  return most;
}
