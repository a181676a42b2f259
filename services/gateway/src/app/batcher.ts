import { gatewayError } from '../errors.ts';

export interface BatcherOptions<I, O> {
  /** Whether nobody waits for an item any more: it leaves the queue with EVL_GATEWAY_CALL_CANCELLED and is not run. */
  readonly isOver?: (item: I) => boolean;
  /** How much of a batch one item takes, for example its rows. */
  readonly weigh: (item: I) => number;
  /** A batch is closed when it weighs so much; one item alone may weigh more. */
  readonly weightMax: number;
  /** Batches under way at once; further items wait and make the next batch larger. */
  readonly inFlightMax: number;
  /** One result for each item, in order; a rejection fails every item of the batch. */
  readonly run: (items: readonly I[]) => Promise<readonly O[]>;
}

interface Waiting<I, O> {
  readonly item: I;
  readonly resolve: (result: O) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Gathers what is submitted within one turn of the event loop, and what comes while earlier batches run, into batches. Waits for no
 * timer: an idle batcher runs a single item in the same turn. How much may wait is the caller's limit.
 */
export class Batcher<I, O> {
  readonly #options: BatcherOptions<I, O>;
  #waiting: Waiting<I, O>[] = [];
  #inFlight = 0;
  #scheduled = false;

  constructor(options: BatcherOptions<I, O>) {
    this.#options = options;
  }

  submit(item: I): Promise<O> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#inFlight >= this.#options.inFlightMax) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#dropOver();
      while (this.#waiting.length > 0 && this.#inFlight < this.#options.inFlightMax) void this.#runBatch(this.#take());
    });
  }

  #dropOver(): void {
    const { isOver } = this.#options;
    if (isOver === undefined) return;
    const over = this.#waiting.filter(({ item }) => isOver(item));
    if (over.length === 0) return;
    this.#waiting = this.#waiting.filter(({ item }) => !isOver(item));
    for (const { reject } of over) reject(callCancelled());
  }

  #take(): readonly Waiting<I, O>[] {
    let weight = 0;
    let count = 0;
    for (const { item } of this.#waiting) {
      weight += this.#options.weigh(item);
      if (count > 0 && weight > this.#options.weightMax) break;
      count += 1;
    }
    const batch = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    return batch;
  }

  async #runBatch(batch: readonly Waiting<I, O>[]): Promise<void> {
    this.#inFlight += 1;
    try {
      const results = await this.#options.run(batch.map(({ item }) => item));
      if (results.length !== batch.length) throw new Error(`${results.length} results for a batch of ${batch.length}`);
      batch.forEach(({ resolve }, index) => resolve(results[index] as O));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      this.#inFlight -= 1;
      if (this.#waiting.length > 0) this.#schedule();
    }
  }
}

/** The error of a call that is over before its work was begun. */
export function callCancelled(): Error {
  return gatewayError('EVL_GATEWAY_CALL_CANCELLED', 'the call was over before its work was begun; nothing was run');
}
