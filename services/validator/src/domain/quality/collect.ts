import type { quality, WindowSpec } from '@everloop/contracts';
import { columnOf } from '../batch-summary.ts';
import { planWindow, windowStartMs, type WindowPlan } from './plan.ts';
import { WindowSums, type Fields } from './sums.ts';

/** Windows of one definition that one batch may touch; records beyond are counted and left out. */
const panesMax = 1_000;
/** How far an event time may be ahead of the moment at which its record was written and still move the clock, milliseconds. */
export const aheadMsMax = 300_000;

/** A record as it was judged. */
export interface JudgedRecord {
  readonly offset: bigint;
  /** Kafka timestamp, epoch milliseconds; negative when it has none. */
  readonly timestampMs: number;
  readonly isValid: boolean;
  /** Null when it could not be decoded. */
  readonly record: Fields | null;
  /** Null when it has no event time. */
  readonly timeMs: number | null;
  /** Paths of columns that the Source does not list and wants to know of; null or absent when there are none. */
  readonly unexpected?: readonly string[] | null;
}

/** Counts the records of one batch of one partition into panes. One collector for each batch. */
export class PaneCollector {
  readonly #partition: number;
  readonly #revision: number;
  readonly #plans: readonly { readonly plan: WindowPlan; readonly panes: Map<number, WindowSums> }[];
  readonly #unplaced = new Map<number | undefined, number>();
  #first: bigint | null = null;
  #last = 0n;
  #clockMs: number | undefined;
  #firstClockMs: number | undefined;
  #kafkaMs = -1;
  #overflow = 0;

  constructor(partition: number, revision: number, windows: readonly WindowSpec[]) {
    this.#partition = partition;
    this.#revision = revision;
    this.#plans = windows.map((window) => ({ plan: planWindow(window), panes: new Map() }));
  }

  add({ offset, timestampMs, isValid, record, timeMs, unexpected }: JudgedRecord): void {
    this.#first ??= offset;
    this.#last = offset;
    this.#kafkaMs = Math.max(this.#kafkaMs, timestampMs);
    if (record === null || timeMs === null) {
      this.#unplaced.set(this.#clockMs, (this.#unplaced.get(this.#clockMs) ?? 0) + 1);
      return;
    }
    // One wrong year must not move the clock for good; the record itself counts where its event time says.
    const clockMs = timestampMs < 0 ? timeMs : Math.min(timeMs, timestampMs + aheadMsMax);
    this.#firstClockMs ??= clockMs;
    this.#clockMs = Math.max(this.#clockMs ?? clockMs, clockMs);
    const columns = new Set((unexpected ?? []).map(columnOf));
    for (const { plan, panes } of this.#plans) {
      const startMs = windowStartMs(plan.everyMs, timeMs);
      const known = panes.get(startMs);
      if (known === undefined && panes.size >= panesMax) {
        this.#overflow += 1;
        continue;
      }
      const pane = known ?? new WindowSums();
      if (known === undefined) panes.set(startMs, pane);
      pane.add(plan, record, timeMs, isValid);
      for (const column of columns) pane.unexpected.add(column, 1);
    }
  }

  /** What was counted; null when there was no record. */
  finish(): quality.PaneBatch | null {
    if (this.#first === null) return null;
    return {
      partition: this.#partition,
      firstOffset: Number(this.#first),
      lastOffset: Number(this.#last),
      clockMs: this.#clockMs,
      firstClockMs: this.#firstClockMs,
      kafkaMs: this.#kafkaMs,
      panes: this.#plans.flatMap(({ plan, panes }) =>
        [...panes].sort(([a], [b]) => a - b).map(([startMs, sums]) => sums.toPane(plan.name, this.#revision, startMs)),
      ),
      unplaced: [...this.#unplaced].map(([afterMs, rows]) => ({ afterMs, rows })),
      overflowRows: this.#overflow,
    };
  }
}
