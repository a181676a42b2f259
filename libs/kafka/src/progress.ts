import { progress, topics } from '@everloop/contracts';
import type { Logger } from '@everloop/service';
import type { KafkaAdmin } from './admin.ts';
import type { Publisher } from './bus.ts';
import { rootText } from './errors.ts';

export interface ProgressOptions {
  readonly service: string;
  readonly stage: string;
  /** This process. */
  readonly instance: string;
  readonly admin: KafkaAdmin;
  readonly createPublisher: () => Publisher;
  readonly logger: Logger;
}

/** One runner's part in the progress of a stage. */
export interface ProgressReporter {
  start(): Promise<void>;
  stop(): Promise<void>;
  countRecords(count: number): void;
  /** Everything before `watermarkMs` has been dealt with; null while unknown, `none` while the runner holds nothing. */
  report(watermarkMs: number | null | 'none'): void;
}

/**
 * Tells the progress topic how far a stage has come in event time: the smallest over all runners of this process that share the
 * stage's name. Never goes back. Reports that come while one is written are merged.
 */
export class ProgressStage {
  readonly #options: ProgressOptions;
  readonly #watermarks = new Map<object, number | null | 'none'>();
  readonly #started = new Set<object>();
  #publisher: Promise<Publisher> | null = null;
  #wanted: number | null = null;
  #reported: number | null = null;
  #records = 0;
  #writing: Promise<void> | null = null;

  constructor(options: ProgressOptions) {
    this.#options = options;
  }

  /** Adds a runner; until it reports, the stage's progress is unknown. */
  join(): ProgressReporter {
    const runner: ProgressReporter = {
      start: async () => {
        this.#started.add(runner);
        await this.#open();
      },
      stop: async () => {
        this.#watermarks.delete(runner);
        if (this.#started.delete(runner) && this.#started.size === 0) await this.#close();
      },
      countRecords: (count) => {
        this.#records += count;
      },
      report: (watermarkMs) => {
        this.#watermarks.set(runner, watermarkMs);
        this.#report();
      },
    };
    this.#watermarks.set(runner, null);
    return runner;
  }

  async #open(): Promise<Publisher> {
    this.#publisher ??= (async () => {
      await this.#options.admin.ensureTopics([{ name: topics.progress, partitions: 1 }]);
      const publisher = this.#options.createPublisher();
      await publisher.start();
      return publisher;
    })();
    const opening = this.#publisher;
    opening.catch(() => {
      if (this.#publisher === opening) this.#publisher = null;
    });
    return await opening;
  }

  async #close(): Promise<void> {
    const publisher = this.#publisher;
    this.#publisher = null;
    await this.#writing;
    await publisher?.then(async (p) => await p.stop()).catch(() => undefined);
    this.#wanted = null;
    this.#reported = null;
  }

  #report(): void {
    const smallest = smallestOf(this.#watermarks.values());
    if (smallest === null || (this.#wanted !== null && smallest <= this.#wanted)) return;
    this.#wanted = smallest;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = null;
    });
  }

  async #write(): Promise<void> {
    const { service, stage, instance, logger } = this.#options;
    while (this.#wanted !== null && this.#wanted !== this.#reported) {
      const watermarkMs = this.#wanted;
      const value = progress.Progress.toJSON({
        service,
        stage,
        instance,
        watermarkMs,
        records: this.#records,
        reportedAtMs: Date.now(),
      });
      try {
        const publisher = await this.#open();
        await publisher.publish([
          { topic: topics.progress, partition: 0, key: `${service}/${stage}`, value: JSON.stringify(value) },
        ]);
        this.#reported = watermarkMs;
      } catch (error) {
        logger.debug({ service, stage, reason: rootText(error) }, 'progress was not reported');
        return;
      }
    }
  }
}

function smallestOf(watermarks: Iterable<number | null | 'none'>): number | null {
  let smallest: number | null = null;
  for (const watermarkMs of watermarks) {
    if (watermarkMs === null) return null;
    if (watermarkMs !== 'none') smallest = smallest === null ? watermarkMs : Math.min(smallest, watermarkMs);
  }
  return smallest;
}
