import { retry, type Logger, type Part } from '@everloop/service';
import type { ReportProgress } from '../ports.ts';

export interface LogClockOptions {
  /** Writes the watermark behind everything that was logged before. */
  readonly advance: (watermarkMs: number) => Promise<void>;
  /** Resolves when all predictions and shadows that were begun before have been handed to the log. */
  readonly drained: () => Promise<void>;
  /** Resolves when the topics of the log exist. */
  readonly ready: Promise<void>;
  readonly report: ReportProgress;
  readonly logger: Logger;
}

/**
 * Passes event time on to the log of predictions: when time W has come, waits for what is under way, writes the watermark W behind it
 * and reports it. Watermarks that come while one is written are merged into the newest.
 */
export class LogClock {
  readonly #options: LogClockOptions;
  #wantedMs = -Infinity;
  #writtenMs = -Infinity;
  #work: Promise<void> | null = null;
  readonly #stopped = new AbortController();

  constructor(options: LogClockOptions) {
    this.#options = options;
  }

  /** The newest watermark that was written; predictions with an earlier event time are late. */
  get writtenMs(): number {
    return this.#writtenMs;
  }

  onTime(watermarkMs: number): void {
    this.#wantedMs = Math.max(this.#wantedMs, watermarkMs);
    this.#work ??= this.#advance()
      .catch((error: unknown) => {
        if (!this.#stopped.signal.aborted) throw error;
      })
      .finally(() => {
        this.#work = null;
      });
  }

  /** Resolves when the newest watermark has been written. */
  async idle(): Promise<void> {
    await this.#work;
  }

  stop(): void {
    this.#stopped.abort();
  }

  async #advance(): Promise<void> {
    const { ready, drained, advance, report, logger } = this.#options;
    await ready;
    while (this.#writtenMs < this.#wantedMs) {
      const watermarkMs = this.#wantedMs;
      await drained();
      // Without this watermark nothing behind the gateway goes on, so it is written however long the broker is away.
      await retry(
        async () => {
          await advance(watermarkMs);
          await report('log', watermarkMs);
        },
        {
          initialMs: 100,
          maxMs: 2_000,
          signal: this.#stopped.signal,
          when: () => true,
          onRetry: (error) =>
            logger.error({ err: error, watermarkMs }, 'the watermark could not be written; trying again'),
        },
      );
      this.#writtenMs = watermarkMs;
    }
  }
}

/** A part that gives `onTime` the time of day, behind by what a request may still take, at a fixed pace. */
export function wallClock(options: {
  readonly onTime: (watermarkMs: number) => void;
  readonly everyMs: number;
  readonly behindMs: number;
  readonly nowMs: () => number;
}): Part {
  let timer: NodeJS.Timeout | undefined;
  return {
    name: 'wall-clock',
    start() {
      timer = setInterval(() => options.onTime(options.nowMs() - options.behindMs), options.everyMs);
      return Promise.resolve();
    },
    stop() {
      clearInterval(timer);
      return Promise.resolve();
    },
  };
}
