import { pause, type Logger } from '@everloop/service';
import type { TaskHandler, TaskRunnerOptions } from './bus.ts';
import type { KafkaAdmin } from './admin.ts';
import { deliver, partitionKey } from './deliver.ts';
import { isFenced, kafkaError, rootText } from './errors.ts';
import type { KafkaClient } from './kafkajs-client.ts';
import { portions } from './portions.ts';
import { inputPositions, type InputPosition } from './positions.ts';
import type { Reachability } from './reachability.ts';
import { RecordReader, type Fetched } from './reader.ts';
import { restoreHandler } from './restore.ts';
import { isStopped, stopRequested } from './stopping.ts';
import { OutputBuffer } from './task-context.ts';
import type { KafkaTelemetry } from './telemetry.ts';
import { TransactionalProducer, type OffsetToCommit } from './transactional-producer.ts';
import { WatermarkTracker } from './watermarks.ts';

export interface TaskDependencies {
  readonly client: KafkaClient;
  readonly admin: KafkaAdmin;
  readonly reachability: Reachability;
  readonly telemetry: KafkaTelemetry;
  readonly logger: Logger;
  readonly options: TaskRunnerOptions;
  /** Number of tasks of the runner, over all processes: the partitions of each input. */
  readonly tasks: number;
  /** Resolves when the group has confirmed once more that this process is a member. */
  readonly confirmation: () => Promise<void>;
  /** The task's watermark after it was acquired and after each commit, and how many records that commit covered. */
  readonly onProgress: (partition: number, watermarkMs: number | null, records: number) => void;
}

/** Everything that belongs to one holding of the task; thrown away as a whole after any error. */
interface Session {
  readonly producer: TransactionalProducer;
  readonly reader: RecordReader;
  readonly handler: TaskHandler;
  readonly watermarks: WatermarkTracker;
  /** What was emitted since the last commit. */
  readonly outputs: OutputBuffer;
  /** Next offset of each input. */
  readonly positions: Map<string, bigint>;
  /** Offsets of what was handled since the last commit. */
  readonly uncommitted: Map<string, OffsetToCommit>;
  uncommittedRecords: number;
  /** The handler holds, or may hold, what it has not emitted yet. */
  isGathering: boolean;
  committedWatermarkMs: number | null;
  committedAtMs: number;
}

/** Most records and milliseconds that may be handled without a commit. */
const uncommittedRecordsMax = 10_000;
const uncommittedMsMax = 1_000;

const pauseMsFirst = 50;
const pauseMsMax = 5_000;

/**
 * One task: reads partition p of every input, gives it to the handler, and commits outputs and offsets in one transaction of the
 * transactional id `<group>-<p>`. Exactly once also when a stalled process wakes up: whoever acquires the id fences the holder
 * before, and reads the committed offsets only afterwards.
 */
export class Task {
  readonly partition: number;
  readonly #deps: TaskDependencies;
  readonly #stopping = new AbortController();
  #trouble: string | null = 'being acquired';
  #running: Promise<void> | null = null;

  constructor(deps: TaskDependencies, partition: number) {
    this.#deps = deps;
    this.partition = partition;
  }

  /** Why the task cannot work now, or null. */
  get trouble(): string | null {
    return this.#trouble;
  }

  /** Begins when `after`, the end of a former holding, is over. */
  start(after: Promise<void>): void {
    this.#running ??= after.then(async () => await this.#run());
  }

  /** Ends after the batch that is being handled. */
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
        while (!isStopped(signal)) if (await this.#round(session)) pauseMs = pauseMsFirst / 2;
      } catch (error) {
        if (isStopped(signal)) return;
        this.#report(error);
        if (isFenced(error)) await Promise.race([this.#deps.confirmation(), stopRequested(signal)]);
        await pause(pauseMs, signal).catch(() => undefined);
      } finally {
        session?.handler.settled?.(false);
        await Promise.all([session?.producer.close(), session?.reader.close()]);
      }
    }
  }

  async #acquire(): Promise<Session> {
    const { client, admin, options } = this.#deps;
    const { partition } = this;
    const producer = await TransactionalProducer.acquire(client, `${options.groupId}-${partition}`);
    const reader = new RecordReader(client);
    try {
      const watermarks = new WatermarkTracker(options.inputs.map((topic) => partitionKey(topic, partition)));
      const inputs = await this.#positions(watermarks);
      const handler = await options.createHandler(partition);
      await restoreHandler({ restore: options.restore, partition, handler, admin, reader, watermarks, inputs });
      this.#deps.reachability.succeeded();
      this.#deps.onProgress(partition, watermarks.value, 0);
      return {
        producer,
        reader,
        handler,
        watermarks,
        outputs: new OutputBuffer(partition, false),
        positions: new Map(inputs.map((i) => [i.topic, i.position])),
        uncommitted: new Map(),
        uncommittedRecords: 0,
        isGathering: false,
        committedWatermarkMs: watermarks.value,
        committedAtMs: performance.now(),
      };
    } catch (error) {
      await Promise.all([producer.close(), reader.close()]);
      throw error;
    }
  }

  /** Where to go on in each input. Watermarks are kept with the committed offsets, except where a replay brings them back. */
  async #positions(watermarks: WatermarkTracker): Promise<readonly InputPosition[]> {
    const { admin, options, logger } = this.#deps;
    const { groupId, inputs, restore } = options;
    const { partition } = this;
    const signal = this.#stopping.signal;
    const positions = await inputPositions({ admin, logger, groupId, inputs, partition, signal });
    for (const { topic, metadata } of positions)
      if (restore?.kind !== 'replay') watermarks.partition(partitionKey(topic, partition)).restore(metadata);
    watermarks.refresh();
    return positions;
  }

  /** Handles what one fetch brings; true if something was committed. */
  async #round(session: Session): Promise<boolean> {
    const { options } = this.#deps;
    const targets = options.inputs.map((topic) => ({
      topic,
      partition: this.partition,
      position: session.positions.get(topic) ?? 0n,
    }));
    const fetched = (await session.reader.fetch(targets)).filter((f) => f.from === session.positions.get(f.topic));
    let isAny = false;
    for (const some of portions(fetched, options.recordsMax ?? Infinity)) {
      if (isStopped(this.#stopping.signal)) return isAny;
      const withRecords = some.filter((f) => f.records.length > 0);
      if (withRecords.length > 0) await this.#handle(session, some, withRecords);
      // Control records alone are no reason for a transaction; the next commit covers them.
      for (const { topic, nextOffset } of some) session.positions.set(topic, nextOffset);
      isAny ||= withRecords.length > 0;
    }
    // What was thought to follow was no data.
    if (session.isGathering && !fetched.some(({ hasMore }) => hasMore)) await this.#commit(session);
    return isAny;
  }

  async #handle(session: Session, fetched: readonly Fetched[], withRecords: readonly Fetched[]): Promise<void> {
    const { options, telemetry } = this.#deps;
    const { handler, watermarks, outputs } = session;
    const order = new Map(options.inputs.map((topic, i) => [topic, i]));
    const sorted = [...withRecords].sort((a, b) => (order.get(a.topic) ?? 0) - (order.get(b.topic) ?? 0));
    let count = 0;
    for (const part of sorted) count += await deliver(part, handler, watermarks, outputs);
    for (const one of fetched) session.uncommitted.set(one.topic, this.#offset(session, one));
    session.uncommittedRecords += count;
    telemetry.recordsRead(options.groupId, count);
    const gathers = handler.flush !== undefined && options.recordsMax === undefined;
    session.isGathering = gathers && fetched.some(({ hasMore }) => hasMore) && isShort(session, performance.now());
    if (!session.isGathering) await this.#commit(session);
  }

  /** Commits what was handled, unless it can wait. */
  async #commit(session: Session): Promise<void> {
    const { options, telemetry, tasks, admin } = this.#deps;
    const { handler, outputs } = session;
    session.isGathering = false;
    await handler.flush?.(outputs);
    const startedAt = performance.now();
    const records = await outputs.take({ groupId: options.groupId, tasks }, (topic) => admin.partitionCount(topic));
    if (records.length === 0 && isQuiet(session, startedAt)) return;
    await session.producer.commit(options.groupId, records, [...session.uncommitted.values()]);
    handler.settled?.(true);
    const covered = session.uncommittedRecords;
    session.uncommitted.clear();
    session.uncommittedRecords = 0;
    session.committedWatermarkMs = session.watermarks.value;
    session.committedAtMs = performance.now();
    telemetry.committed(options.groupId, performance.now() - startedAt);
    telemetry.recordsWritten(options.groupId, records.length);
    this.#deps.reachability.succeeded();
    this.#deps.onProgress(this.partition, session.watermarks.value, covered);
  }

  #offset(session: Session, { topic, partition, nextOffset }: Fetched): OffsetToCommit {
    const metadata = session.watermarks.partition(partitionKey(topic, partition)).snapshot();
    return { topic, partition, offset: nextOffset, metadata };
  }

  #report(error: unknown): void {
    const { logger, options, reachability, telemetry } = this.#deps;
    this.#trouble = rootText(error);
    telemetry.failed(options.groupId);
    if (reachability.failed(error)) return;
    const fields = { group: options.groupId, task: this.partition };
    if (isFenced(error)) {
      logger.info(fields, 'another process has taken the task over; what was being handled here is dropped');
      return;
    }
    logger.warn(
      { ...fields, err: error },
      'a batch failed and was rolled back; the task starts again from its last commit',
    );
  }
}

/**
 * Whether the commit can wait: nothing was written and the watermark stands still, so the same records read again after a crash would
 * leave the same state. Saves the transactions of tasks that only gather.
 */
function isQuiet(session: Session, nowMs: number): boolean {
  return session.watermarks.value === session.committedWatermarkMs && isShort(session, nowMs);
}

/** Whether a crash now would have little read again. */
function isShort(session: Session, nowMs: number): boolean {
  return session.uncommittedRecords < uncommittedRecordsMax && nowMs - session.committedAtMs < uncommittedMsMax;
}

/** Rejects inputs whose partitions do not correspond; returns their common number. */
export function copartitionedCount(groupId: string, counts: ReadonlyMap<string, number>): number {
  const distinct = new Set(counts.values());
  const [count] = distinct;
  if (distinct.size === 1 && count !== undefined) return count;
  const list = [...counts].map(([topic, n]) => `'${topic}' has ${n}`).join(', ');
  throw kafkaError(
    'notCopartitioned',
    `the inputs of '${groupId}' must have the same number of partitions, but ${list}`,
  );
}
