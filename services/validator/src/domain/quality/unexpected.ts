import type { quality } from '@everloop/contracts';

/** Columns that are counted in one window: the first by name, so that they are the same whatever came first. */
export const unexpectedMax = 100;

/**
 * Records by column that the Source does not list, the first `unexpectedMax` by name. A column that had to go has as many smaller ones
 * in its place, so it cannot come back: each count is exact, in any order of adding and merging.
 */
export class UnexpectedCounts {
  readonly #counts = new Map<string, number>();
  #largest = '';

  add(column: string, rows: number): void {
    const known = this.#counts.get(column);
    if (known === undefined && this.#counts.size >= unexpectedMax) {
      if (column > this.#largest) return;
      this.#counts.delete(this.#largest);
      this.#largest = [...this.#counts.keys()].reduce((a, b) => (a > b ? a : b), '');
    }
    this.#counts.set(column, (known ?? 0) + rows);
    if (column > this.#largest) this.#largest = column;
  }

  /** Ascending by column. */
  toWire(): quality.UnexpectedColumn[] {
    return [...this.#counts].map(([column, rows]) => ({ column, rows })).sort((a, b) => (a.column < b.column ? -1 : 1));
  }
}
