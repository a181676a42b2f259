import { serving, topics } from '@everloop/contracts';
import { isSampled } from '@everloop/features';
import type { Batch, Bus, SinkHandler } from '@everloop/kafka';
import { pause, type Part } from '@everloop/service';

import { AppliedTimeline, type AppliedSpan } from '../domain/applied-timeline.ts';
import { ParityQueue, type ParityItem } from '../domain/parity-queue.ts';
import type { History, ParityPositions } from '../ports.ts';
import { createParityBarrier, type KnownGaps, type ParityBarrier } from './parity-barrier.ts';
import { clockSkewMs, ParityComparison, type ParityComparisonOptions } from './parity-comparison.ts';

export interface ParityCheckOptions extends ParityComparisonOptions {
  readonly bus: Pick<Bus, 'sink' | 'offsets' | 'committed' | 'readRanges'>;
  readonly history: Pick<History, 'pointInTime' | 'landed'>;
  /** How far records are applied to the online rows; rejects while that cannot be asked. */
  readonly lookAtApplied: () => Promise<AppliedSpan>;
  /** Wall clock, epoch milliseconds. */
  readonly now: () => number;
  readonly positions: ParityPositions;
  /** Share of predictions that is compared, 0 to 1. */
  readonly share: number;
  /** Pause between two rounds, milliseconds; each makes at most one query per model. */
  readonly everyMs: number;
  /** Most predictions of a round. */
  readonly batchMax: number;
  /** Most predictions that wait. */
  readonly queueMax: number;
  /** How long predictions wait for the history to become complete, milliseconds; then they are counted and not compared. */
  readonly waitMaxMs: number;
}

/** What waits in the queue below `until` since `sinceMs` may be compared when `barrier` is passed. */
interface Waiting {
  readonly until: number;
  readonly sinceMs: number;
  readonly barrier: ParityBarrier;
}

const failuresMax = 5;
/** Pause between two looks at what is applied, and between two at whether the history is complete, milliseconds. */
const lookEveryMs = 1_000;
/** Spans of applied offsets that are remembered: ten minutes at least. */
const spansMax = 600;

/**
 * Compares what models saw with what the history says, without end: follows the served predictions, takes a share of them by decision id,
 * waits until the history holds everything that was on its way when they were served, computes their rows point-in-time and compares the
 * values to the bit. A value that differs is computed again from what the online rows held just before and just after the prediction, so
 * that a record which came too late for it is not taken for an error. What waits survives a restart: the stored position is the oldest
 * prediction that waits.
 */
export class ParityCheck implements Part {
  readonly name = 'parity';
  readonly #options: ParityCheckOptions;
  readonly #queue: ParityQueue;
  readonly #stopping = new AbortController();
  readonly #stored = new Map<number, bigint>();
  readonly #sink: Part;
  readonly #timeline = new AppliedTimeline(spansMax);
  readonly #comparison: ParityComparison;
  readonly #gaps: KnownGaps = new Map();
  #waiting: Waiting | null = null;
  #failures = 0;
  #running: Promise<unknown> = Promise.resolve();

  constructor(options: ParityCheckOptions) {
    this.#options = options;
    this.#queue = new ParityQueue(options.queueMax);
    this.#comparison = new ParityComparison(options, this.#timeline);
    this.#sink = options.bus.sink({
      groupId: 'everloop.feature-store.parity',
      inputs: [topics.inferenceServed],
      handler: this.#handler(),
    });
  }

  // No health: a store that cannot compare still serves, and the topic of predictions comes with the first gateway.
  async start(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    await this.#sink.start();
    this.#running = Promise.all([this.#run(), this.#watch()]);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#sink.stop();
    await this.#running;
    await this.#store();
  }

  #handler(): SinkHandler {
    const { positions, bus, telemetry } = this.#options;
    return {
      position: async (topic, partition) => {
        const stored = await positions.read(partition);
        const end = (await bus.offsets(topic)).find((found) => found.partition === partition)?.high ?? 0n;
        return stored === null || stored > end ? null : stored;
      },
      apply: (batch, { nextOffset }) => {
        telemetry.skipped('queue', this.#queue.add(batch.partition, this.#chosen(batch), nextOffset));
        telemetry.waiting(this.#queue.size);
        return Promise.resolve();
      },
      released: (_topic, partition) => {
        this.#queue.release(partition);
        this.#stored.delete(partition);
      },
    };
  }

  #chosen(batch: Batch): ParityItem[] {
    const chosen: ParityItem[] = [];
    for (const { value, partition, offset, timestampMs } of batch.records) {
      const inference = value === null ? null : decoded(value);
      if (inference === null || !isSampled(inference.decisionId, this.#options.share)) continue;
      chosen.push({ partition, offset, servedAtMs: timestampMs, inference });
    }
    return chosen;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    const { everyMs } = this.#options;
    for (;;) {
      // Whether the history is complete costs little to ask.
      await pause(this.#waiting === null ? everyMs : Math.min(everyMs, lookEveryMs), signal).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.round();
        this.#failures = 0;
      } catch (error) {
        this.#failed(error);
      }
    }
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.look();
      await pause(lookEveryMs, signal).catch(() => undefined);
    }
  }

  /** Once: remembers how far records are applied. */
  async look(): Promise<void> {
    // While it cannot be asked, differences stay undecided.
    const span = await this.#options.lookAtApplied().catch(() => null);
    if (span !== null) this.#timeline.add(span);
  }

  /** Once: compares the oldest predictions, if the history holds what they need. */
  async round(): Promise<void> {
    const { telemetry, batchMax, waitMaxMs, now, topology, bus, history } = this.#options;
    if (this.#queue.size > 0) {
      this.#waiting ??= {
        until: this.#queue.next,
        sinceMs: now(),
        barrier: await createParityBarrier({ bus, history, topology: topology(), gaps: this.#gaps }),
      };
      const { until, sinceMs, barrier } = this.#waiting;
      const isKnown = this.#timeline.untilMs >= sinceMs + clockSkewMs;
      const isComplete = isKnown && (await barrier.isPassed());
      if (isComplete || now() - sinceMs > waitMaxMs) {
        const items = this.#queue.oldest(until, batchMax);
        if (isComplete) for (const [model, part] of byModel(items)) await this.#comparison.compare(model, part);
        else telemetry.skipped('incomplete', items.length);
        this.#queue.remove(items);
        if (items.length < batchMax) this.#waiting = null;
      }
      telemetry.waiting(this.#queue.size);
    }
    await this.#store();
  }

  /** What cannot be compared again and again must not keep the rest waiting. */
  #failed(error: unknown): void {
    const { telemetry, batchMax } = this.#options;
    telemetry.roundFailed(error);
    this.#failures += 1;
    if (this.#failures < failuresMax) return;
    const items = this.#queue.oldest(this.#queue.next, batchMax);
    this.#queue.remove(items);
    this.#failures = 0;
    telemetry.skipped('failed', items.length);
  }

  async #store(): Promise<void> {
    for (const [partition, nextOffset] of this.#queue.positions()) {
      if (this.#stored.get(partition) === nextOffset) continue;
      await this.#options.positions.write(partition, nextOffset);
      this.#stored.set(partition, nextOffset);
    }
  }
}

function decoded(value: Buffer): serving.Inference | null {
  try {
    return serving.Inference.decode(value);
  } catch {
    // The services whose work depends on it stop at such a record and say so.
    return null;
  }
}

function byModel(items: readonly ParityItem[]): ReadonlyMap<string, readonly ParityItem[]> {
  return Map.groupBy(items, ({ inference }) => inference.model);
}
