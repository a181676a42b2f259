export interface MeanSequenceOptions {
  /** Range in which each value must lie; others are moved to its end. Default 0 and 1. */
  readonly min?: number;
  readonly max?: number;
  /** Probability that the interval holds the mean at all times at once, (0, 1). Default 0.95. */
  readonly confidence?: number;
}

/** Everything a `MeanSequence` knows, for storage. */
export interface MeanSequenceState {
  readonly rows: number;
  readonly sum: number;
  readonly squares: number;
  readonly weights: number;
  readonly weighted: number;
  readonly penalty: number;
  readonly lower: number;
  readonly upper: number;
}

/** Bets stay below this share, so that a single value cannot lose more than it. */
const betMax = 0.5;

/**
 * Confidence sequence of a mean of bounded values: an interval after each value such that all intervals at once hold the mean with the given
 * probability. So it may be looked at after every value, and one may stop whenever it excludes what was promised, which would make an
 * ordinary interval wrong. It needs the values' conditional mean to be constant, not that they are independent or alike. O(1) a value.
 *
 * Predictable plug-in empirical Bernstein, on values scaled to [0, 1]: Σλᵢxᵢ/Σλᵢ ± (ln(2/α) + Σ vᵢψ(λᵢ)) / Σλᵢ, with vᵢ = 4 (xᵢ - mᵢ₋₁)², ψ(λ) =
 * (-ln(1-λ) - λ)/4, λₜ = min(1/2, √(2 ln(2/α) / (sₜ₋₁² t ln(1+t)))); m and s² are the running mean and variance with 1/2 and 1/4 as a first
 * value. The intersection of all intervals so far.
 *
 * Source: I. Waudby-Smith and A. Ramdas (2024), Estimating means of bounded random variables by betting, JRSS B 86, 1-27, theorem 2; S. R. Howard
 * et al. (2021), Annals of Statistics 49, 1055-1080.
 *
 * const s = new MeanSequence(); for (let i = 0; i < 1000; i += 1) s.add(i % 2); s.lower < 0.5 && s.upper > 0.5 && s.upper - s.lower < 0.15 // → true
 */
export class MeanSequence {
  readonly #min: number;
  readonly #span: number;
  readonly #logTerm: number;
  #rows = 0;
  #sum = 0;
  #squares = 0;
  #weights = 0;
  #weighted = 0;
  #penalty = 0;
  #lower = 0;
  #upper = 1;

  constructor(options: MeanSequenceOptions = {}) {
    this.#min = options.min ?? 0;
    this.#span = (options.max ?? 1) - this.#min;
    this.#logTerm = Math.log(2 / (1 - (options.confidence ?? 0.95)));
  }

  get rows(): number {
    return this.#rows;
  }

  /** Mean of the values; NaN before the first. */
  get mean(): number {
    return this.#min + (this.#span * this.#sum) / this.#rows;
  }

  get lower(): number {
    return this.#min + this.#span * this.#lower;
  }

  /** Below `lower` when the mean has certainly changed: no value fits all of the sequence. */
  get upper(): number {
    return this.#min + this.#span * this.#upper;
  }

  /** Takes the next value; NaN is left out. */
  add(value: number): void {
    if (Number.isNaN(value)) return;
    const x = Math.min(1, Math.max(0, (value - this.#min) / this.#span));
    const before = this.#rows + 1;
    const meanBefore = (0.5 + this.#sum) / before;
    const variance = (0.25 + this.#squares) / before;
    const bet = Math.min(betMax, Math.sqrt((2 * this.#logTerm) / (variance * before * Math.log(1 + before))));
    this.#weights += bet;
    this.#weighted += bet * x;
    this.#penalty += (x - meanBefore) ** 2 * (-Math.log1p(-bet) - bet);
    this.#rows += 1;
    this.#sum += x;
    this.#squares += (x - (0.5 + this.#sum) / (this.#rows + 1)) ** 2;
    const centre = this.#weighted / this.#weights;
    const radius = (this.#logTerm + this.#penalty) / this.#weights;
    this.#lower = Math.max(this.#lower, centre - radius);
    this.#upper = Math.min(this.#upper, centre + radius);
  }

  state(): MeanSequenceState {
    return {
      ...{ rows: this.#rows, sum: this.#sum, squares: this.#squares, weights: this.#weights },
      ...{ weighted: this.#weighted, penalty: this.#penalty, lower: this.#lower, upper: this.#upper },
    };
  }

  /** Goes on from a state that one with the same options gave. */
  restore(state: MeanSequenceState): void {
    [this.#rows, this.#sum, this.#squares] = [state.rows, state.sum, state.squares];
    [this.#weights, this.#weighted, this.#penalty] = [state.weights, state.weighted, state.penalty];
    [this.#lower, this.#upper] = [state.lower, state.upper];
  }
}
