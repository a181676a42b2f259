import { classify } from '@everloop/service';
import { InFlight } from '../domain/in-flight.ts';

export interface ShadowQueueOptions {
  /** Most rows that wait or run. */
  readonly rowsMax: number;
  /** Tries of one shadow before it is given up; a killed model process loses what it was doing. */
  readonly tries: number;
  readonly onDropped: (reason: 'full' | 'failed', rows: number, error?: unknown) => void;
}

/** Runs shadow predictions behind the answers: bounded, never in the way of an answer, each counted or reported as dropped. */
export class ShadowQueue {
  readonly #options: ShadowQueueOptions;
  readonly #inFlight = new InFlight();
  #rows = 0;

  constructor(options: ShadowQueueOptions) {
    this.#options = options;
  }

  /** No room for `rows` more. */
  isFull(rows: number): boolean {
    return this.#rows + rows > this.#options.rowsMax;
  }

  /** Runs `task` in the background; dropped when the queue is full or every try failed. Resolves when it is over; never rejects. */
  async add(rows: number, task: () => Promise<void>): Promise<void> {
    if (this.isFull(rows)) {
      this.#options.onDropped('full', rows);
      return;
    }
    this.#rows += rows;
    const ticket = this.#inFlight.begin();
    await this.#run(rows, task);
    this.#rows -= rows;
    this.#inFlight.end(ticket);
  }

  /** Resolves when every shadow that was added before has been logged or dropped. */
  settled(): Promise<void> {
    return this.#inFlight.settled();
  }

  async #run(rows: number, task: () => Promise<void>): Promise<void> {
    for (let left = this.#options.tries; ; left -= 1) {
      try {
        await task();
        return;
      } catch (error) {
        if (left > 1 && classify(error) === 'retryable') continue;
        this.#options.onDropped('failed', rows, error);
        return;
      }
    }
  }
}
