export interface PageHinkleyOptions {
  /** Change of the mean that does not matter, in the unit of the values, at least 0. Default 0.005. */
  readonly delta?: number;
  /** Alarm when the accumulated deviation exceeds it, in the unit of the values. Larger: fewer false alarms, later. Default 50. */
  readonly threshold?: number;
  /** Weight of the past in the accumulated deviation, (0, 1]. Default 0.9999. */
  readonly alpha?: number;
  /** No alarm before this many values. Default 30. */
  readonly rowsMin?: number;
  /** Which changes of the mean count. Default `both`. */
  readonly direction?: 'up' | 'down' | 'both';
}

/** Everything a `PageHinkley` knows, for storage. */
export interface PageHinkleyState {
  readonly rows: number;
  readonly mean: number;
  readonly up: number;
  readonly upLeast: number;
  readonly down: number;
  readonly downMost: number;
}

/**
 * Page-Hinkley test: tells when the mean of a stream has changed, by the deviation from the running mean, accumulated less `delta`, over its
 * least value so far (and mirrored for a fall). After an alarm it begins anew. O(1) time and memory a value.
 *
 * Threshold and delta have the unit of the values: a stream of another scale needs others. With the defaults on values of unit
 * variance it alarms about every 3,000 rows without any change (`none` in test/golden/drift.json); calibrate the threshold on the reference.
 *
 * Source: E. S. Page (1954), Continuous inspection schemes, Biometrika 41, 100-115; D. V. Hinkley (1971), Inference about the
 * change-point from cumulative sum tests, Biometrika 58, 509-523. The conventions (fading `alpha`, the running mean includes the value) are those of
 * River 0.23.0, whose alarms it repeats.
 */
export class PageHinkley {
  readonly #delta: number;
  readonly #threshold: number;
  readonly #alpha: number;
  readonly #rowsMin: number;
  readonly #watchesUp: boolean;
  readonly #watchesDown: boolean;
  #rows = 0;
  #mean = 0;
  #up = 0;
  #upLeast = Infinity;
  #down = 0;
  #downMost = -Infinity;

  constructor(options: PageHinkleyOptions = {}) {
    this.#delta = options.delta ?? 0.005;
    this.#threshold = options.threshold ?? 50;
    this.#alpha = options.alpha ?? 0.9999;
    this.#rowsMin = options.rowsMin ?? 30;
    this.#watchesUp = options.direction !== 'down';
    this.#watchesDown = options.direction !== 'up';
  }

  /** Mean of the values since the last alarm. */
  get mean(): number {
    return this.#mean;
  }

  /** Takes the next value; true when the mean has changed. A value that is not finite is left out. */
  add(value: number): boolean {
    if (!Number.isFinite(value)) return false;
    this.#rows += 1;
    this.#mean += (value - this.#mean) / this.#rows;
    const deviation = value - this.#mean;
    this.#up = this.#alpha * this.#up + deviation - this.#delta;
    this.#down = this.#alpha * this.#down + deviation + this.#delta;
    if (this.#up < this.#upLeast) this.#upLeast = this.#up;
    if (this.#down > this.#downMost) this.#downMost = this.#down;
    if (this.#rows < this.#rowsMin) return false;
    const isUp = this.#watchesUp && this.#up - this.#upLeast > this.#threshold;
    const isDown = this.#watchesDown && this.#downMost - this.#down > this.#threshold;
    if (isUp || isDown) this.#begin();
    return isUp || isDown;
  }

  state(): PageHinkleyState {
    const [rows, mean, up, down] = [this.#rows, this.#mean, this.#up, this.#down];
    // Infinity is not JSON; without values the extremes are not read.
    const [upLeast, downMost] = rows === 0 ? [0, 0] : [this.#upLeast, this.#downMost];
    return { rows, mean, up, upLeast, down, downMost };
  }

  /** Goes on from a state that one with the same options gave. */
  restore({ rows, mean, up, upLeast, down, downMost }: PageHinkleyState): void {
    this.#begin();
    if (rows === 0) return;
    [this.#rows, this.#mean] = [rows, mean];
    [this.#up, this.#upLeast, this.#down, this.#downMost] = [up, upLeast, down, downMost];
  }

  #begin(): void {
    [this.#rows, this.#mean, this.#up, this.#down] = [0, 0, 0, 0];
    [this.#upLeast, this.#downMost] = [Infinity, -Infinity];
  }
}
