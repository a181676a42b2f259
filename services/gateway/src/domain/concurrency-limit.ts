/** Bounds and pace of an adaptive limit. */
export interface LimitOptions {
  /** Calls that may always be under way; fewer tell nothing about a queue. */
  readonly min: number;
  readonly max: number;
  /** Where it begins. */
  readonly initial: number;
  /** Shortest time over which latencies are averaged, milliseconds. */
  readonly windowMs: number;
}

/** Fewest answers in a window. */
const samplesMin = 10;
/** How much slower than usual a window may be before the limit falls. */
const tolerance = 1.5;
/** Share of a new limit in the one that is in force. */
const smoothing = 0.2;
/** Windows over which the usual latency is averaged, and those of the beginning, which are averaged evenly. */
const longWindows = 600;
const warmUpWindows = 10;
/** No answer takes less: what a clock cannot tell from nothing must not divide. */
const resolutionMs = 0.001;

/**
 * How many calls may be under way so that they do not wait for each other: the limit grows by the square root of itself while answers are as
 * fast as usual, and falls with the ratio of the usual latency to that of now, to half at most in one window.
 *
 * Source: E. Landau, W. Thurston, T. Bozarth (2018), Performance Under Load, Netflix Technology Blog (the gradient, and a queue of sqrt(limit)), with the
 * exponential average, tolerance and smoothing of Gradient2 in Netflix concurrency-limits, over windows:
 * gradient = max(1/2, min(1, tolerance × long / short)), limit' = (1 - s) × limit + s × (limit × gradient + sqrt(limit)), with the mean
 * latency `short` of a window and its exponential average `long`. A limit that is not used (under half) stays as it is.
 */
export class ConcurrencyLimit {
  readonly #options: LimitOptions;
  #limit: number;
  #inFlight = 0;
  #longMs = 0;
  #windows = 0;
  #windowEndsMs = -Infinity;
  #sumMs = 0;
  #samples = 0;
  #mostInFlight = 0;

  constructor(options: LimitOptions) {
    this.#options = options;
    this.#limit = options.initial;
  }

  /** Calls that may be under way. */
  get limit(): number {
    return Math.floor(this.#limit);
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Begins a call; false: it must not be begun. */
  tryBegin(): boolean {
    if (this.#inFlight >= this.limit) return false;
    this.#inFlight += 1;
    if (this.#inFlight > this.#mostInFlight) this.#mostInFlight = this.#inFlight;
    return true;
  }

  /** Ends a call that was begun. `tookMs` is null where its time says nothing, as of one that failed. */
  end(nowMs: number, tookMs: number | null): void {
    this.#inFlight -= 1;
    if (tookMs === null) return;
    this.#sumMs += tookMs;
    this.#samples += 1;
    if (nowMs < this.#windowEndsMs || this.#samples < samplesMin) return;
    this.#adapt(this.#sumMs / this.#samples);
    this.#windowEndsMs = nowMs + this.#options.windowMs;
    this.#sumMs = 0;
    this.#samples = 0;
    this.#mostInFlight = this.#inFlight;
  }

  #adapt(meanMs: number): void {
    const shortMs = Math.max(meanMs, resolutionMs);
    this.#windows += 1;
    const share = this.#windows <= warmUpWindows ? 1 / this.#windows : 2 / (longWindows + 1);
    this.#longMs += (shortMs - this.#longMs) * share;
    // After a long overload the usual is found again sooner.
    if (this.#longMs / shortMs > 2) this.#longMs *= 0.95;
    if (this.#mostInFlight < this.#limit / 2) return;
    const gradient = Math.max(0.5, Math.min(1, (tolerance * this.#longMs) / shortMs));
    const wanted = this.#limit * gradient + Math.sqrt(this.#limit);
    const { min, max } = this.#options;
    this.#limit = Math.max(min, Math.min(max, this.#limit * (1 - smoothing) + wanted * smoothing));
  }
}
