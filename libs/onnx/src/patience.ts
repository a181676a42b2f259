/** How long runs of a model wait for others, to run together. */
export interface Batching {
  /** A batch of so many rows does not wait any longer. */
  readonly maxRows: number;
  /** Longest wait of the oldest run, milliseconds. */
  readonly maxDelayMs: number;
}

/** Waits in vain, one after the other, after which nothing waits any more. */
const inVainMax = 16;

/**
 * Decides how long a batch waits for company. Where nobody came in so many waits, waiting only costs: batches go at once until two runs meet by
 * themselves (in one turn, or while a batch ran).
 */
export class Patience {
  readonly batching: Batching;
  #inVain = 0;

  constructor(batching: Batching) {
    this.batching = batching;
  }

  /** Milliseconds to wait now for a batch of so many runs and rows whose oldest run waits since `waitedMs`; 0: none. */
  waitMs(runs: number, rows: number, waitedMs: number): number {
    if (runs > 1) this.#inVain = 0;
    if (rows >= this.batching.maxRows || this.#inVain >= inVainMax) return 0;
    return Math.max(0, this.batching.maxDelayMs - waitedMs);
  }

  /** A wait is over, with so many runs. */
  waited(runs: number): void {
    this.#inVain = runs > 1 ? 0 : this.#inVain + 1;
  }
}
