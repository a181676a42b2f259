import type { Part } from '@everloop/service';

/** Header values as bytes, in order; null is a header without a value. */
export type RawHeaders = Readonly<Record<string, readonly (Buffer | null)[]>>;

/** One record as read. Only committed records are ever read. */
export interface BusRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** Header values as UTF-8 text; a repeated header keeps its last value. */
  readonly headers: Readonly<Record<string, string>>;
  /** The exact values of headers that `headers` cannot hold: not UTF-8, repeated, or null. Absent when there are none. */
  readonly rawHeaders?: RawHeaders;
  /**
   * When the record was written, epoch milliseconds, by the producer's or the broker's clock: at the latest when its fact became known.
   * It never moves a window or a watermark.
   */
  readonly timestampMs: number;
}

/** One record to write. Without `partition` the key decides (murmur2, as the Java client). */
export interface OutRecord {
  readonly topic: string;
  readonly partition?: number;
  readonly key: string | Buffer | null;
  readonly value: string | Buffer | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** Takes the place of headers of the same names. */
  readonly rawHeaders?: RawHeaders | undefined;
  /** Timestamp that the record gets, epoch milliseconds; absent: when it is written. */
  readonly timestampMs?: number;
}

export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
  readonly compacted?: boolean;
  /** Broker settings, for example `retention.ms`. */
  readonly config?: Readonly<Record<string, string>>;
}

/** A run of data records (never markers) of one partition, in offset order. */
export interface Batch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly BusRecord[];
}

/** What a task handler may do while it handles a batch; everything takes effect with the batch's transaction or not at all. */
export interface TaskContext {
  /** The partition number that this task owns in every co-partitioned input. */
  readonly partition: number;
  /** True while state is rebuilt from records that were committed before: emits are dropped. */
  readonly replaying: boolean;
  emit(record: OutRecord): void;
  /**
   * Writes a watermark marker: no record with an event time before `watermarkMs` follows from this task.
   * Into `partition`, by default the task's own partition number if the topic has as many, else 0.
   */
  emitWatermark(topic: string, watermarkMs: number, partition?: number): void;
}

/** The code of one task. Calls never overlap. */
export interface TaskHandler {
  onRecords(batch: Batch, context: TaskContext): void | Promise<void>;
  /** The smallest watermark over all of this task's inputs moved to `watermarkMs`. */
  onWatermark?(watermarkMs: number, context: TaskContext): void | Promise<void>;
  /**
   * The records and markers that are committed together have all been handed over: a handler that gathers emits what it holds. Called before each
   * commit, also while replaying. As long as more records are at hand, up to 10,000 of them or a second's are handled for one commit, unless
   * `recordsMax` says otherwise.
   */
  flush?(context: TaskContext): void | Promise<void>;
  /** What was emitted before has been committed (true); or the handler is given up, with whatever it emitted since. Must not throw. */
  settled?(isCommitted: boolean): void;
}

export interface TaskRunnerOptions {
  /** Consumer group, `everloop.<service>.<purpose>`; also the prefix of the transactional ids. */
  readonly groupId: string;
  /** Input topics; partition p of each goes to task p. */
  readonly inputs: readonly string[];
  /** A new handler for task `partition`; called when the task is acquired, also again after an error. */
  readonly createHandler: (partition: number) => TaskHandler | Promise<TaskHandler>;
  /** Most records of one input in one transaction; absent: what one fetch brings, 1 MiB. */
  readonly recordsMax?: number;
  /**
   * How a handler's state comes back when a task is acquired. `none`: there is none. `replay`: the inputs are read again from the
   * beginning up to the committed offsets with `replaying` set; for small topics. `changelog`: the compacted topic's own
   * partition is read first and given to `restore` (newest value of each key; tombstones removed).
   */
  readonly restore?:
    | { readonly kind: 'none' }
    | { readonly kind: 'replay' }
    | {
        readonly kind: 'changelog';
        readonly topic: string;
        readonly restore: (handler: TaskHandler, records: readonly BusRecord[]) => void | Promise<void>;
      };
  /** Reports progress on the progress topic after each commit that moved the smallest watermark over all tasks held here. */
  readonly progress?: { readonly service: string; readonly stage: string };
}

export interface SinkHandler {
  /** Where to start: the offset after the last one whose effect is stored; null for the beginning of the topic. */
  position(topic: string, partition: number): Promise<bigint | null>;
  /**
   * Applies a batch to a store outside Kafka. Must be idempotent on offsets and must store `nextOffset` atomically with the effect.
   * `watermarkMs` is this partition's watermark after the batch, null while unknown.
   */
  apply(batch: Batch, after: { readonly nextOffset: bigint; readonly watermarkMs: number | null }): Promise<void>;
  /** The smallest watermark over all partitions held here moved. */
  onWatermark?(watermarkMs: number): void | Promise<void>;
  /** Partitions that were taken away; drop their caches. */
  released?(topic: string, partition: number): void;
}

export interface SinkRunnerOptions {
  readonly groupId: string;
  readonly inputs: readonly string[];
  readonly handler: SinkHandler;
  readonly progress?: { readonly service: string; readonly stage: string };
}

/** What a feed brings: records and changes of its state, which are committed together or not at all. */
export interface FeedBatch {
  readonly records: readonly OutRecord[];
  /** Key → text that shall be remembered; null to forget it. */
  readonly state: ReadonlyMap<string, string | null>;
  /** Markers for every partition of a topic, after the records; the feed must be the only writer of markers there. */
  readonly markers?: readonly { readonly topic: string; readonly watermarkMs: number }[];
}

/** The code of one feed. Calls never overlap; `next` is called again when what it gave is committed. */
export interface FeedHandler {
  /** The next batch; null when there is nothing new now. */
  next(signal: AbortSignal): Promise<FeedBatch | null>;
  close?(): Promise<void>;
}

/** One way from outside into Kafka. */
export interface Feed {
  /** A new handler that goes on from the committed state; called when the feed is acquired, also again after an error. */
  readonly open: (state: ReadonlyMap<string, string>) => Promise<FeedHandler>;
  /** Pause after there was nothing new, milliseconds. */
  readonly everyMs: number;
}

export interface FeedRunnerOptions {
  /** Consumer group that shares the feeds out, `everloop.<service>.<purpose>`; also the prefix of the transactional ids. */
  readonly groupId: string;
  /** Compacted topic with the feeds' state, key `<feed>/<key>`; a feed belongs to whoever holds the partition of its name. */
  readonly stateTopic: string;
  /**
   * Every feed is this process's, and no group is joined: for what only it can read, such as a file of its own. After a kill the next
   * process goes on at once, where a group would wait for the session of the old one to end.
   */
  readonly isAlone?: boolean;
}

export interface FeedRunner extends Part {
  /** Begins a feed, begins it anew with another definition, or ends it (null). No `/` in the name. */
  set(name: string, feed: Feed | null): void;
  /** Why a feed that is held here cannot go on now; null when it can, undefined when it is not held here. */
  trouble(name: string): string | null | undefined;
}

export interface FollowOptions {
  /** Topics read in full by this process alone, every partition, whatever other replicas do. */
  readonly topics: readonly string[];
  /** Start at the beginning (tables) or at the end (events from now on). */
  readonly from: 'beginning' | 'end';
  readonly onRecord: (record: BusRecord) => void | Promise<void>;
  /** A watermark marker was read: smallest over the topic's partitions and writers. */
  readonly onWatermark?: (topic: string, watermarkMs: number) => void | Promise<void>;
}

/** `start` resolves when everything that was in the topics at that moment has been given to `onRecord`. */
export type Follower = Part;

export interface PublisherOptions {
  /** Name in logs and metrics. */
  readonly name: string;
  /** Most bytes that wait to be written; `publish` rejects with EVL_KAFKA_QUEUE_FULL beyond. Default 64 MiB. */
  readonly queueBytesMax?: number;
}

export interface RecordPosition {
  readonly partition: number;
  /** -1 when the broker does not tell, after a write that was repeated. */
  readonly offset: bigint;
}

/** Idempotent, micro-batched writer: one request per partition, chunked by bytes, retried while the broker is away. */
export interface Publisher extends Part {
  /** Resolves when the records are acknowledged by all in-sync replicas. Order is kept per partition. */
  publish(records: readonly OutRecord[]): Promise<void>;
  /** As `publish`, and resolves with where each record lies. */
  publishPlaced(records: readonly OutRecord[]): Promise<readonly RecordPosition[]>;
  /** Writes a watermark marker to every partition of the topic, after everything published before. */
  publishWatermark(topic: string, watermarkMs: number): Promise<void>;
  /** Bytes waiting. */
  readonly queuedBytes: number;
}

/** Offsets of one partition. */
export interface OffsetRange {
  readonly topic: string;
  readonly partition: number;
  readonly from: bigint;
  /** One past the last. */
  readonly until: bigint;
}

/** The connection to Kafka. */
export interface Bus extends Part {
  /** Creates what is missing and waits until it can be used. Adds no partitions to existing topics; a difference is an error that says so. */
  ensureTopics(specs: readonly TopicSpec[]): Promise<void>;
  /** Waits for topics that another service creates; after `timeoutMs` rejects with EVL_KAFKA_TOPIC_MISSING naming them. */
  awaitTopics(names: readonly string[], timeoutMs: number): Promise<void>;
  partitionCount(topic: string): Promise<number>;
  /** Largest batch of records that a topic takes, bytes: its max.message.bytes, or the broker's. */
  messageBytesMax(topic: string): Promise<number>;
  /** First offset and one past the last committed-readable one, by partition. */
  offsets(
    topic: string,
  ): Promise<readonly { readonly partition: number; readonly low: bigint; readonly high: bigint }[]>;
  /** What a group has committed of a topic: offset after the last record, by partition; those of which it has committed nothing are absent. */
  committed(groupId: string, topic: string): Promise<ReadonlyMap<number, bigint>>;
  publisher(options: PublisherOptions): Publisher;
  /** Exactly-once from Kafka to Kafka: one transaction per batch, one transactional id per task. */
  tasks(options: TaskRunnerOptions): Part;
  /** From Kafka to a store that keeps the offsets itself. */
  sink(options: SinkRunnerOptions): Part;
  /** Exactly once from outside into Kafka: records and the position that they lead to in one transaction, one transactional id per feed. */
  feeds(options: FeedRunnerOptions): FeedRunner;
  follow(options: FollowOptions): Follower;
  /**
   * Reads the topics from the beginning to their current ends, markers left out, in offset order per partition. Waits for a broker to begin with;
   * rejects with EVL_KAFKA_UNAVAILABLE when it goes away in the middle.
   */
  readAll(names: readonly string[], onRecords: (batch: Batch) => void | Promise<void>): Promise<void>;
  /** As `readAll`, of ranges of partitions. What is no longer kept, or not there yet, is left out. */
  readRanges(ranges: readonly OffsetRange[], onRecords: (batch: Batch) => void | Promise<void>): Promise<void>;
}
