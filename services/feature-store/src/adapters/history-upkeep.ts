import { pause, type Part } from '@everloop/service';

import type { PinnedRange } from '../domain/compaction-plan.ts';
import { retentionBounds, type Topology } from '../domain/topology.ts';
import type { Telemetry } from '../telemetry.ts';
import type { HistoryCompaction } from './history-compaction.ts';
import type { HistoryTables } from './history-tables.ts';

export interface HistoryUpkeepOptions {
  readonly compaction: HistoryCompaction;
  readonly tables: HistoryTables;
  readonly topology: () => Topology;
  /** Ranges of a topic that tagged datasets name, by partition. */
  readonly pins: (topic: string) => Promise<(partition: number) => readonly PinnedRange[]>;
  readonly everyMs: number;
  readonly telemetry: Pick<Telemetry, 'logger'>;
}

/** Keeps the Parquet files of the history few and as young as their Sources say, in the background. */
export class HistoryUpkeep implements Part {
  readonly name = 'history upkeep';
  readonly #options: HistoryUpkeepOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: HistoryUpkeepOptions) {
    this.#options = options;
  }

  start(): Promise<void> {
    if (!this.#stopping.signal.aborted) this.#running = this.#run();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    const { everyMs, telemetry } = this.#options;
    for (;;) {
      await pause(everyMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.round();
      } catch (error) {
        telemetry.logger.error({ err: error }, 'the files of the history could not be looked after; it is tried again');
      }
    }
  }

  /** Once: merge, let go what is too old, remove what has not counted for long. */
  async round(): Promise<void> {
    const { compaction, tables, topology, pins } = this.#options;
    await compaction.compact(this.#stopping.signal);
    for (const [topic, keepMs] of retentionBounds(topology())) {
      const held = tables.held().filter((manifest) => manifest.topic === topic);
      const newestMs = Math.max(...held.flatMap(({ files }) => files.map(({ maxTimeMs }) => maxTimeMs)));
      if (Number.isFinite(newestMs)) await compaction.expire(topic, newestMs - keepMs, await pins(topic));
    }
    await compaction.sweep();
  }
}
