import { pause } from '@everloop/service';
import type { Feed, FeedBatch, FeedHandler, FeedRunnerOptions } from './bus.ts';
import { isFenced, rootText } from './errors.ts';
import { isMarker, markerRecord } from './markers.ts';
import { partitionOfKey } from './partitioner.ts';
import { readRanges } from './read-range.ts';
import { RecordReader, type Fetched } from './reader.ts';
import { isStopped, stopRequested } from './stopping.ts';
import { OutputBuffer } from './task-context.ts';
import type { RunnerDependencies } from './task-runner.ts';
import { TransactionalProducer } from './transactional-producer.ts';

export interface FeedDependencies extends RunnerDependencies {
  readonly options: FeedRunnerOptions;
  /** Resolves when the group has confirmed once more that this process is a member. */
  readonly confirmation: () => Promise<void>;
}

interface Session {
  readonly producer: TransactionalProducer;
  readonly handler: FeedHandler;
}

const pauseMsFirst = 100;
const pauseMsMax = 30_000;

/**
 * Runs one feed: asks its handler for the next batch and commits records and state in one transaction of the id `<group>-<feed>`.
 * Exactly once also when a stalled process wakes up: whoever acquires the id fences the holder before, and reads the state only
 * afterwards. After any error producer and handler are thrown away and the feed goes on from the committed state.
 */
export class RunningFeed {
  readonly name: string;
  readonly feed: Feed;
  readonly #deps: FeedDependencies;
  readonly #stopping = new AbortController();
  #trouble: string | null = 'being acquired';
  #running: Promise<void> = Promise.resolve();

  constructor(deps: FeedDependencies, name: string, feed: Feed) {
    this.#deps = deps;
    this.name = name;
    this.feed = feed;
  }

  /** Why the feed cannot go on now, or null. */
  get trouble(): string | null {
    return this.#trouble;
  }

  /** Begins when `after`, the end of a former holding, is over. */
  start(after: Promise<void>): void {
    this.#running = after.then(async () => await this.#run());
  }

  /** Ends after the transaction that is being made. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    for (let pauseMs = pauseMsFirst; !isStopped(signal); pauseMs = Math.min(pauseMs * 2, pauseMsMax)) {
      let session: Session | null = null;
      try {
        session = await this.#acquire();
        this.#trouble = null;
        while (!isStopped(signal)) {
          const batch = await session.handler.next(signal);
          if (batch === null) await pause(this.feed.everyMs, signal);
          else await this.#commit(session, batch);
          pauseMs = pauseMsFirst / 2;
        }
      } catch (error) {
        if (isStopped(signal)) return;
        this.#report(error);
        if (isFenced(error)) await Promise.race([this.#deps.confirmation(), stopRequested(signal)]);
        await pause(pauseMs, signal).catch(() => undefined);
      } finally {
        await session?.handler.close?.().catch(() => undefined);
        await session?.producer.close();
      }
    }
  }

  async #acquire(): Promise<Session> {
    const { client, options, reachability } = this.#deps;
    const producer = await TransactionalProducer.acquire(client, `${options.groupId}-${this.name}`);
    try {
      const handler = await this.feed.open(await this.#state());
      reachability.succeeded();
      return { producer, handler };
    } catch (error) {
      await producer.close();
      throw error;
    }
  }

  /**
   * What was committed last: newest value of each key of this feed. Waits for transactions of other feeds that are open in the partition, for
   * this one's newest state may lie behind them. O(records of the partition).
   */
  async #state(): Promise<ReadonlyMap<string, string>> {
    const { admin, client, options } = this.#deps;
    const topic = options.stateTopic;
    const offsets = await admin.offsets(topic);
    const partition = partitionOfKey(this.name, offsets.length);
    const { low = 0n } = offsets.find((o) => o.partition === partition) ?? {};
    const until = await admin.end(topic, partition);
    const state = new Map<string, string>();
    const reader = new RecordReader(client);
    try {
      const take = ({ records }: Pick<Fetched, 'records'>): void => {
        for (const record of records) {
          const key = record.key?.toString() ?? '';
          if (!key.startsWith(`${this.name}/`) || isMarker(record)) continue;
          if (record.value === null) state.delete(key.slice(this.name.length + 1));
          else state.set(key.slice(this.name.length + 1), record.value.toString());
        }
      };
      await readRanges(reader, [{ topic, partition, from: low, until }], take, this.#stopping.signal);
    } finally {
      await reader.close();
    }
    return state;
  }

  async #commit({ producer }: Session, batch: FeedBatch): Promise<void> {
    const { admin, options, telemetry, reachability } = this.#deps;
    const startedAt = performance.now();
    const outputs = new OutputBuffer(0, false);
    for (const record of batch.records) outputs.emit(record);
    for (const { topic, watermarkMs } of batch.markers ?? []) {
      const writer = `${options.groupId}/${this.name}`;
      for (let partition = 0; partition < (await admin.partitionCount(topic)); partition += 1)
        outputs.emit(markerRecord(topic, partition, { watermarkMs, writer, writers: 1 }));
    }
    const partition = partitionOfKey(this.name, await admin.partitionCount(options.stateTopic));
    for (const [key, value] of batch.state)
      outputs.emit({ topic: options.stateTopic, partition, key: `${this.name}/${key}`, value });
    const placed = await outputs.take({ groupId: options.groupId, tasks: 1 }, (topic) => admin.partitionCount(topic));
    await producer.commit(options.groupId, placed, []);
    reachability.succeeded();
    telemetry.committed(options.groupId, performance.now() - startedAt);
    telemetry.recordsWritten(options.groupId, batch.records.length);
  }

  #report(error: unknown): void {
    const { logger, options, reachability, telemetry } = this.#deps;
    this.#trouble = rootText(error);
    telemetry.failed(options.groupId);
    if (reachability.failed(error)) return;
    const fields = { group: options.groupId, feed: this.name };
    if (isFenced(error))
      logger.info(fields, 'another process has taken the feed over; what was under way here is dropped');
    else logger.warn({ ...fields, err: error }, 'a feed failed; it starts again from its last commit');
  }
}
