import type { WindowSpec } from '@everloop/contracts';

/** A value of an earlier window. */
export interface Point {
  readonly startMs: number;
  readonly value: number;
}

/** Different values that are remembered of one column, over all windows of its baseline. */
const knownMax = 10_000;

/** How many windows back a baseline reaches. */
export function reachOf({ everyMs, baseline }: WindowSpec): number {
  return baseline.windows * Math.max(1, Math.round((baseline.seasonMs ?? everyMs) / everyMs));
}

/** Values of one rule and column in earlier windows, ascending by time, held ones left out. */
export class Series {
  #points: Point[] = [];

  add(point: Point, reach: number): void {
    this.#points.push(point);
    if (this.#points.length > 2 * reach) this.#points = this.#points.slice(-reach);
  }

  /** What a window is compared with: the newest values before it, or those of its season. */
  baseline(window: WindowSpec, startMs: number): readonly number[] {
    const { seasonMs, windows } = window.baseline;
    const reach = this.#points.slice(-reachOf(window));
    const fitting = seasonMs === undefined ? reach : reach.filter((p) => (startMs - p.startMs) % seasonMs === 0);
    return fitting.slice(-windows).map(({ value }) => value);
  }
}

/** Values that a column had in earlier windows. */
export class KnownValues {
  /** Start of the last window that had it, by hash; oldest first. */
  readonly #lastMs = new Map<number, number>();
  #starts: number[] = [];

  add(startMs: number, hashes: Iterable<number>, windows: number): void {
    this.#starts = [...this.#starts, startMs].slice(-windows);
    for (const hash of hashes) {
      this.#lastMs.delete(hash);
      this.#lastMs.set(hash, startMs);
    }
    const oldestMs = this.#starts[0] ?? startMs;
    for (const [hash, lastMs] of this.#lastMs) {
      if (lastMs >= oldestMs && this.#lastMs.size <= knownMax) break;
      this.#lastMs.delete(hash);
    }
  }

  /** Windows that are remembered. */
  get windows(): number {
    return this.#starts.length;
  }

  has(hash: number): boolean {
    return this.#lastMs.has(hash);
  }
}
