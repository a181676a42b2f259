import { drift, encodeEvent, eventId, topics } from '@everloop/contracts';
import type { Batch, BusRecord, TaskContext, TaskHandler } from '@everloop/kafka';
import { PaneGatherer, RowDecoder, type Row } from '@everloop/drift';
import { undecodable } from '../errors.ts';
import type { BaselineStore } from '../ports.ts';
import type { Telemetry } from '../telemetry.ts';

export interface PaneTaskOptions {
  readonly baselines: BaselineStore;
  readonly telemetry: Telemetry;
  /** Field that rows of a model belong to, as its Monitors say; undefined: what the routing draw was made for. */
  readonly unitOf: (model: string) => string | undefined;
}

/** Stage 1: counts predictions into panes; between commits it holds nothing. */
export function createPaneTask(options: PaneTaskOptions): TaskHandler {
  return new PaneTask(options);
}

/**
 * Rows are gathered over markers and fetches until the commit, so that there are few panes. The markers wait with them, and say afterwards what they said before:
 * rows that came after one and whose hour it has not passed are in no window that it closes. A row whose hour it has passed is late; then everything
 * that waits goes first, so that it is late for the windows too.
 */
class PaneTask implements TaskHandler {
  readonly #options: PaneTaskOptions;
  readonly #decoder = new RowDecoder();
  readonly #gatherer = new PaneGatherer();
  /** Where the first row lies that was gathered. */
  #cause: string | null = null;
  #waiting: number[] = [];

  constructor(options: PaneTaskOptions) {
    this.#options = options;
  }

  async onRecords(batch: Batch, context: TaskContext): Promise<void> {
    for (const record of batch.records) {
      if (record.value === null) continue;
      const row = this.#decode(record, record.value);
      if (PaneGatherer.endMs(row) <= (this.#waiting.at(-1) ?? -Infinity)) this.flush(context);
      let counter = this.#gatherer.find(row);
      if (counter === undefined) {
        if (this.#gatherer.isFull) this.#emitPanes(context);
        counter = this.#gatherer.open(row, await this.#baselineOf(row), this.#options.unitOf(row.model));
      }
      this.#cause ??= `${batch.topic}/${batch.partition}/${record.offset}`;
      counter.add(row);
    }
  }

  onWatermark(watermarkMs: number): void {
    this.#waiting.push(watermarkMs);
  }

  flush(context: TaskContext): void {
    this.#emitPanes(context);
    for (const watermarkMs of this.#waiting) context.emitWatermark(topics.driftPane, watermarkMs, 0);
    this.#waiting = [];
  }

  #decode(record: BusRecord, value: Buffer): Row {
    try {
      return this.#decoder.decode(value);
    } catch (error) {
      throw undecodable(record.topic, record.partition, record.offset, error);
    }
  }

  async #baselineOf({ model, championVersion }: Row) {
    return championVersion === '' ? null : await this.#options.baselines.get(model, championVersion);
  }

  #emitPanes(context: TaskContext): void {
    const cause = this.#cause ?? '';
    this.#cause = null;
    for (const pane of this.#gatherer.take()) {
      const { model, baselineVersion, startMs } = pane;
      const event = encodeEvent({
        id: eventId('pane', model, baselineVersion, String(startMs), cause),
        ...{ type: topics.driftPane, source: 'everloop/drift-detector', subject: model, eventTimeMs: startMs },
        data: null,
      });
      const value = Buffer.from(drift.Pane.encode(pane).finish());
      const headers = { ...event.headers, 'content-type': 'application/protobuf' };
      context.emit({ topic: topics.driftPane, partition: 0, key: model, value, headers });
      this.#options.telemetry.counted(model, pane.rows);
    }
  }
}
