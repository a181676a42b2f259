import type { RowState } from '@everloop/features';

/** Online rows held in memory, the least recently used one dropped first. */
export class RowCache {
  readonly #rows = new Map<string, { readonly owner: string; readonly row: RowState }>();
  readonly #rowsMax: number;

  constructor(rowsMax: number) {
    this.#rowsMax = rowsMax;
  }

  get size(): number {
    return this.#rows.size;
  }

  get(key: string): RowState | undefined {
    const entry = this.#rows.get(key);
    if (entry === undefined) return undefined;
    this.#rows.delete(key);
    this.#rows.set(key, entry);
    return entry.row;
  }

  /** Holds a row for `owner`, a topic partition. */
  set(key: string, owner: string, row: RowState): void {
    this.#rows.delete(key);
    this.#rows.set(key, { owner, row });
    while (this.#rows.size > this.#rowsMax) {
      const oldest = this.#rows.keys().next();
      if (oldest.done === true) return;
      this.#rows.delete(oldest.value);
    }
  }

  /** Drops all rows of a topic partition. O(rows). */
  drop(owner: string): void {
    for (const [key, entry] of this.#rows) if (entry.owner === owner) this.#rows.delete(key);
  }
}
