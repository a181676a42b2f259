import type { quality, WindowSpec } from '@everloop/contracts';
import { eventClock, type PartitionClock } from './clock.ts';
import type { OpenHold } from './holds.ts';
import { WindowJudge, type ClosedWindow } from './window-judge.ts';

/** Ids of ended holds that are remembered, so that a late command to end one again does nothing. */
const endedMax = 1_000;

/** The rules in force. */
export interface Definition {
  readonly source: string;
  readonly topic: string;
  readonly revision: number;
  readonly partitions: number;
  readonly allowedLatenessMs: number;
  readonly windows: readonly WindowSpec[];
}

/** What comes out of the judge, in order. */
export type Judgement =
  | { readonly kind: 'window'; readonly closed: ClosedWindow }
  | {
      readonly kind: 'released';
      readonly hold: OpenHold;
      readonly untilMs: number;
      readonly accept: boolean;
      readonly reason: string;
      readonly by: string;
    };

/**
 * The windows of one Source: merges panes, closes windows when event time has passed them, and keeps the holds. A function of what it
 * is given in order, so that reading the log again gives the same.
 */
export class SourceJudge {
  #definition: Definition | null = null;
  #watermarkMs: number | null = null;
  readonly #clocks = new Map<number, PartitionClock>();
  readonly #judges = new Map<string, WindowJudge>();
  #ended: string[] = [];
  #lateRows = 0;
  #newestMs: number | null = null;

  get definition(): Definition | null {
    return this.#definition;
  }

  /** Open holds, by the name of their windows. */
  get holds(): ReadonlyMap<string, OpenHold | null> {
    return new Map([...this.#judges].map(([name, { hold }]) => [name, hold]));
  }

  /** Everything before it has been judged by every definition; null while unknown, or when there is nothing to judge by. */
  get judgedMs(): number | null {
    const clocks = (this.#definition?.windows ?? []).map((window) => this.#clockOf(window));
    const known = clocks.filter((clock) => clock !== null);
    return known.length === 0 || known.length < clocks.length ? null : Math.min(...known);
  }

  /** Newest event time of a valid record. */
  get newestMs(): number | null {
    return this.#newestMs;
  }

  /** Records that were too late for their windows since the last call. */
  takeLateRows(): number {
    const rows = this.#lateRows;
    this.#lateRows = 0;
    return rows;
  }

  /** Takes the rules of a revision; an older one than that in force changes nothing. */
  define(definition: Definition): readonly Judgement[] {
    if (this.#definition !== null && definition.revision < this.#definition.revision) return [];
    this.#definition = definition;
    const ended: Judgement[] = [];
    for (const [name, judge] of this.#judges) {
      const spec = definition.windows.find((window) => window.name === name);
      if (spec?.everyMs === judge.spec.everyMs) {
        judge.change(spec);
        continue;
      }
      this.#judges.delete(name);
      ended.push(
        ...this.#release(judge, { accept: false, by: 'everloop', reason: 'its windows are no longer defined' }),
      );
    }
    for (const spec of definition.windows)
      if (!this.#judges.has(spec.name))
        this.#judges.set(spec.name, new WindowJudge(definition.source, spec, definition.revision));
    return ended;
  }

  /** Takes the statistics of a batch, and closes what event times alone close. */
  take(batch: quality.PaneBatch): readonly Judgement[] {
    const clock = this.#clockAt(batch);
    this.#placeUnplaced(batch, clock);
    if (batch.firstClockMs !== undefined) this.#placeWaiting(clock, batch.firstClockMs);
    if (batch.clockMs !== undefined) clock.eventMs = Math.max(clock.eventMs ?? batch.clockMs, batch.clockMs);
    clock.kafkaMs = Math.max(clock.kafkaMs, batch.kafkaMs);
    for (const pane of batch.panes) {
      this.#lateRows += this.#judges.get(pane.window)?.take(pane) ?? 0;
      if (pane.newestMs !== undefined) this.#newestMs = Math.max(this.#newestMs ?? pane.newestMs, pane.newestMs);
    }
    return this.#close();
  }

  /** A watermark marker says that event time has passed `watermarkMs`. */
  pass(watermarkMs: number): readonly Judgement[] {
    this.#watermarkMs = Math.max(this.#watermarkMs ?? watermarkMs, watermarkMs);
    return this.#close();
  }

  /** A person ends a hold. One that is not open here, and has not ended here either, is ended as the person saw it. */
  release(command: quality.ReleaseHold): readonly Judgement[] {
    const { hold: seen, accept, reason, by } = command;
    if (seen === undefined || this.#ended.includes(seen.id)) return [];
    const judge = [...this.#judges.values()].find(({ hold }) => hold?.id === seen.id);
    if (judge !== undefined) return this.#release(judge, { accept, reason, by });
    if (seen.source !== this.#definition?.source) return [];
    this.#end(seen.id);
    const { id, window, fromMs, openedAtMs, reportId, rules } = seen;
    const hold: OpenHold = {
      id,
      window,
      fromMs,
      openedAtMs,
      reportId,
      rules,
      reason: seen.reason,
      good: 0,
      goodFromMs: 0,
    };
    const untilMs = Math.max(openedAtMs, this.judgedMs ?? 0);
    return [{ kind: 'released', hold, untilMs, accept, reason, by }];
  }

  #release(
    judge: WindowJudge,
    said: { readonly accept: boolean; readonly reason: string; readonly by: string },
  ): readonly Judgement[] {
    const released = judge.release(said.accept);
    if (released === null) return [];
    this.#end(released.hold.id);
    return [{ kind: 'released', ...released, ...said }];
  }

  #end(id: string): void {
    this.#ended = [...this.#ended, id].slice(-endedMax);
  }

  #clockAt({ partition, kafkaMs }: quality.PaneBatch): PartitionClock {
    const known = this.#clocks.get(partition);
    if (known !== undefined) return known;
    const clock: PartitionClock = { eventMs: null, firstKafkaMs: kafkaMs, kafkaMs, waiting: 0 };
    this.#clocks.set(partition, clock);
    return clock;
  }

  /** Records without an event time count where their partition stood: after the newest event time before them. */
  #placeUnplaced({ unplaced }: quality.PaneBatch, clock: PartitionClock): void {
    for (const { afterMs, rows } of unplaced) {
      const at = afterMs === undefined ? clock.eventMs : Math.max(afterMs, clock.eventMs ?? afterMs);
      if (at === null) clock.waiting += rows;
      else for (const judge of this.#judges.values()) judge.takeUnplaced(at, rows);
    }
  }

  /** Those that came before any with an event time count with the first. */
  #placeWaiting(clock: PartitionClock, firstMs: number): void {
    const { waiting } = clock;
    clock.waiting = 0;
    if (waiting > 0) for (const judge of this.#judges.values()) judge.takeUnplaced(firstMs, waiting);
  }

  #clockOf(window: WindowSpec): number | null {
    if (window.closedBy === 'markers' || this.#definition === null) return this.#watermarkMs;
    const { partitions, allowedLatenessMs } = this.#definition;
    const clock = eventClock(this.#clocks, { partitions, allowedLatenessMs, idleMs: window.everyMs });
    if (clock === null || this.#watermarkMs === null) return clock ?? this.#watermarkMs;
    return Math.max(clock, this.#watermarkMs);
  }

  #close(): readonly Judgement[] {
    const revision = this.#definition?.revision ?? 0;
    const closed = [...this.#judges.values()].flatMap((judge) => {
      const clock = this.#clockOf(judge.spec);
      return clock === null ? [] : judge.close(clock, revision);
    });
    for (const { change } of closed) if (change.kind === 'closed') this.#end(change.hold.id);
    return closed
      .sort((a, b) => a.report.endMs - b.report.endMs || (a.report.window < b.report.window ? -1 : 1))
      .map((each) => ({ kind: 'window', closed: each }));
  }
}
