/** What a gateway reports how far it has come with. */
export type PoolStage = 'log' | 'routes';

/** How far a pool of workers has come with one stage: as far as the slowest, and nowhere before each has said something. Epoch milliseconds UTC. */
export class PoolWatermark {
  readonly #reached: (number | null)[];
  #writtenMs = -Infinity;

  constructor(workers: number) {
    this.#reached = new Array<number | null>(workers).fill(null);
  }

  /**
   * A worker has come so far. The one that takes a dead worker's place may begin further back: what its predecessor said still holds, since
   * everything before it was in Kafka.
   */
  reached(worker: number, watermarkMs: number): void {
    this.#reached[worker] = Math.max(this.#reached[worker] ?? -Infinity, watermarkMs);
  }

  /** The watermark to write now; null: none that is newer than what was written. */
  get due(): number | null {
    let least = Infinity;
    for (const each of this.#reached) least = Math.min(least, each ?? -Infinity);
    return Number.isFinite(least) && least > this.#writtenMs ? least : null;
  }

  written(watermarkMs: number): void {
    this.#writtenMs = Math.max(this.#writtenMs, watermarkMs);
  }
}
