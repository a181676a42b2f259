import type { FeedHandler, FeedRunner, OutRecord, Publisher } from '@everloop/kafka';
import { deferred, pause, type Deferred, type Part } from '@everloop/service';
import { requireLoggable } from '../../domain/log-records.ts';
import type { InferenceLog, LogStream } from '../../ports.ts';
import { topicOf } from '../log-topics.ts';
import type { Journal } from './journal.ts';
import { comparePositions, parsePosition, positionText, type Position } from './position.ts';
import { Wakeable } from './wakeable.ts';

export interface JournalLogOptions {
  readonly journal: Journal;
  /** The feed that brings the journal into Kafka: records and position in one transaction. */
  readonly feeds: FeedRunner;
  readonly publisher: Pick<Publisher, 'publishWatermark'>;
  /** Wall clock, epoch milliseconds: a record carries when its answer was made, however much later Kafka takes it. */
  readonly nowMs: () => number;
  /** How long a record waits for company on its way to Kafka, milliseconds; no answer waits for it. */
  readonly lingerMs: number;
  /** Most bytes that may wait for Kafka; with more, nothing can be answered. */
  readonly bytesMax: number;
  /** What the journal still had from an earlier process. */
  readonly onRecovered: (bytes: number) => void;
  /** Kafka does not know the position that this journal had: it starts again at its oldest record. */
  readonly onPositionLost: (position: string) => void;
  /** What is done with a watermark once everything before it is in Kafka; default: it is written. */
  readonly passOn?: (watermarkMs: number, streams: readonly LogStream[]) => Promise<void>;
}

export interface JournalLog extends InferenceLog {
  /** Writes a watermark alone: all that is before it must be in Kafka. */
  mark(watermarkMs: number, streams: readonly LogStream[]): Promise<void>;
  readonly parts: readonly Part[];
}

/** How long an idle feed waits before it looks whether it shall end, milliseconds. */
const idleMs = 1_000;
/** How long a stop waits for Kafka, milliseconds; what is left comes with the next start. */
const stopMs = 10_000;
const stateKey = 'position';

/**
 * The log of predictions: to a journal on disk before the answer, from there to Kafka, each record once. Records and the position
 * behind them are one transaction of an id that belongs to the journal's folder, so neither a killed process nor one that wakes up late
 * loses or repeats one. While the broker is away the journal grows; `queuedBytes` says how much it holds.
 */
export function createJournalLog(options: JournalLogOptions): JournalLog {
  const { journal, feeds, publisher, lingerMs } = options;
  const waiters: { readonly until: Position; readonly done: Deferred<void> }[] = [];
  const beginning = journal.end;
  const company = new Wakeable();
  let committed: Position | null = null;

  function isCommitted(position: Position): boolean {
    return committed !== null && comparePositions(committed, position) >= 0;
  }

  function commit(position: Position): void {
    committed = position;
    journal.release(position);
    for (let at = waiters.length - 1; at >= 0; at -= 1) {
      const waiter = waiters[at];
      if (waiter === undefined || !isCommitted(waiter.until)) continue;
      waiters.splice(at, 1);
      waiter.done.resolve();
    }
  }

  function open(state: ReadonlyMap<string, string>): FeedHandler {
    let position = startOf(state.get(stateKey));
    if (committed === null && comparePositions(position, beginning) < 0) options.onRecovered(journal.bytes);
    commit(position);
    return {
      async next(signal) {
        // Asked again: what was given before is committed.
        commit(position);
        const isMore = waiters.length > 0 || (await journal.available(position, idleMs, signal));
        if (isMore && waiters.length === 0) await company.wait(lingerMs, signal);
        const { records, next } = await journal.read(position);
        // Also where there are none: behind files that are empty, or end in what was never a record.
        position = next;
        if (records.length === 0) return null;
        const out = records.map(({ stream, ...record }): OutRecord => ({ ...record, topic: topicOf[stream] }));
        return { records: out, state: new Map([[stateKey, positionText(next)]]) };
      },
    };
  }

  /** Where to go on: behind what Kafka has, as far as the journal still knows that place. */
  function startOf(text: string | undefined): Position {
    const stored = parsePosition(text);
    if (stored === null) return journal.begin;
    if (comparePositions(stored, journal.end) > 0) {
      options.onPositionLost(positionText(stored));
      return journal.begin;
    }
    return comparePositions(stored, journal.begin) < 0 ? journal.begin : stored;
  }

  async function flush(): Promise<void> {
    await journal.written();
    const until = journal.end;
    if (isCommitted(until)) return;
    const done = deferred();
    waiters.push({ until, done });
    company.wake();
    journal.wake();
    await done.promise;
  }

  async function mark(watermarkMs: number, streams: readonly LogStream[]): Promise<void> {
    await Promise.all(streams.map((stream) => publisher.publishWatermark(topicOf[stream], watermarkMs)));
  }

  return {
    mark,
    get queuedBytes() {
      return journal.bytes;
    },
    append(stream, records) {
      requireLoggable(records);
      const timestampMs = options.nowMs();
      for (const { joinKey, value } of records) journal.append({ stream, timestampMs, key: joinKey, value });
    },
    written: () => journal.written(),
    flush,
    async advance(watermarkMs, streams) {
      await flush();
      await (options.passOn ?? mark)(watermarkMs, streams);
    },
    parts: [
      { name: 'journal', start: () => Promise.resolve(), stop: () => journal.close() },
      {
        name: feeds.name,
        async start() {
          await feeds.start();
          feeds.set(journal.id, { everyMs: 1, open: (state) => Promise.resolve(open(state)) });
        },
        async stop() {
          await Promise.race([flush(), pause(stopMs)]).catch(() => undefined);
          await feeds.stop();
        },
        // Trouble with Kafka costs nothing until the journal is full.
        health: () =>
          journal.bytes <= options.bytesMax
            ? { ok: true }
            : {
                ok: false,
                reason: `the journal is full: ${feeds.trouble(journal.id) ?? 'Kafka is slower than the requests'}`,
              },
      },
    ],
  };
}
