import type { serving } from '@everloop/contracts';

/** A served prediction that waits to be computed again, and where it lies in its topic. */
export interface ParityItem {
  readonly partition: number;
  readonly offset: bigint;
  /** When its answer was made, after its features were read; epoch milliseconds of wall-clock time. */
  readonly servedAtMs: number;
  readonly inference: Pick<
    serving.Inference,
    | 'decisionId'
    | 'model'
    | 'joinKey'
    | 'eventTimeMs'
    | 'inputNames'
    | 'inputValues'
    | 'requestNames'
    | 'requestValues'
    | 'latencyUs'
    | 'featuresUnreachable'
  >;
}

interface Numbered {
  readonly number: number;
  readonly item: ParityItem;
}

/** Predictions that wait, oldest first, at most `max`; and up to where each partition is done with. */
export class ParityQueue {
  readonly #max: number;
  #items: Numbered[] = [];
  #next = 0;
  /** Offset after the last record that was looked at, by partition. */
  readonly #seen = new Map<number, bigint>();

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#items.length;
  }

  /** Number that the next item gets; those that wait now have smaller ones. */
  get next(): number {
    return this.#next;
  }

  /** Adds what was chosen of a partition's records before `nextOffset`. Gives how many of the oldest had to go for it. */
  add(partition: number, items: readonly ParityItem[], nextOffset: bigint): number {
    for (const item of items) this.#items.push({ number: this.#next++, item });
    this.#seen.set(partition, nextOffset);
    const tooMany = Math.max(0, this.#items.length - this.#max);
    if (tooMany > 0) this.#items = this.#items.slice(tooMany);
    return tooMany;
  }

  /** The oldest with a number below `until`, at most `limit`. */
  oldest(until: number, limit: number): readonly ParityItem[] {
    return this.#items
      .slice(0, limit)
      .filter(({ number }) => number < until)
      .map(({ item }) => item);
  }

  /** Takes out what is done with; what has gone meanwhile is no error. */
  remove(done: readonly ParityItem[]): void {
    const gone = new Set(done);
    this.#items = this.#items.filter(({ item }) => !gone.has(item));
  }

  /** Forgets a partition that belongs to another process now. */
  release(partition: number): void {
    this.#items = this.#items.filter(({ item }) => item.partition !== partition);
    this.#seen.delete(partition);
  }

  /** Where to go on after a restart, by partition: the oldest that waits, else after the last that was looked at. */
  positions(): ReadonlyMap<number, bigint> {
    const positions = new Map(this.#seen);
    for (const { item } of this.#items) {
      const known = positions.get(item.partition);
      if (known !== undefined && item.offset < known) positions.set(item.partition, item.offset);
    }
    return positions;
  }
}

/** Share of the last `size` predictions without a difference; 1 while there is none. */
export class ParityRatio {
  readonly #size: number;
  #newest: boolean[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  add(isEqual: boolean): void {
    this.#newest.push(isEqual);
    if (this.#newest.length > this.#size * 2) this.#newest = this.#newest.slice(-this.#size);
  }

  get value(): number {
    const counted = this.#newest.slice(-this.#size);
    return counted.length === 0 ? 1 : counted.filter(Boolean).length / counted.length;
  }
}
