import type { CompiledView, LookupPlan, RowState } from '@everloop/features';
import type { features, registry, ModelSpec } from '@everloop/contracts';
import type { ExcludedRange } from './domain/exclude-sql.ts';

/** How far one bucket of a topic partition is applied to the online rows, as stored beside them. */
export interface BucketPosition {
  /** Offset after the last applied record; 0 when nothing is applied or the views were defined differently. */
  readonly nextOffset: number;
  /** What is stored now; the next write is refused if it changed. */
  readonly token: Buffer | null;
}

/** How far a topic partition is applied: one bucket on a single node, more in a cluster, where a node may lose some of them. */
export interface OnlinePosition {
  /** The smallest of the buckets: where to go on reading. */
  readonly nextOffset: number;
  readonly buckets: readonly BucketPosition[];
}

export interface RowWrite {
  readonly key: string;
  readonly view: CompiledView;
  readonly row: RowState;
}

/** Online rows with the position that they hold, changed together. */
export interface OnlineRows {
  /** Bucket of a row by its key: what its position already holds must not be applied to it again. */
  bucketOf(key: string): number;
  position(topic: string, partition: number, fingerprint: string): Promise<OnlinePosition>;
  /** Stored rows in the order of the keys; null where there is none. */
  load(keys: readonly string[]): Promise<(Buffer | null)[]>;
  /**
   * Stores rows and the new position, bucket by bucket, each of them wholly or not at all: EVL_STORAGE_REDIS_FENCED when a stored position
   * is not `before` any more. Buckets that are further on already stay as they are. Resolves with the stored position.
   */
  store(
    writes: readonly RowWrite[],
    at: { readonly topic: string; readonly partition: number; readonly fingerprint: string },
    move: { readonly before: OnlinePosition; readonly nextOffset: number },
  ): Promise<OnlinePosition>;
}

/** A record for the history. `values` are parallel to the table's fields. */
export interface HistoryRow {
  readonly offset: number;
  readonly timeMs: number;
  /** When it became known, epoch milliseconds; at least `timeMs`. */
  readonly knownMs: number;
  readonly values: readonly (number | string | null)[];
}

/** A source as a table: name, topic that is read, and its fields in a fixed order. */
export interface HistoryTable {
  readonly source: string;
  readonly topic: string;
  readonly partitions: number;
  readonly fields: readonly { readonly name: string; readonly type: 'number' | 'string' }[];
}

export interface DatasetRequest {
  readonly model: string;
  readonly spec: ModelSpec;
  readonly plan: LookupPlan;
  /** Prediction times, epoch milliseconds, [from, until); labels with an event time before `asOfMs`. */
  readonly fromMs: number;
  readonly untilMs: number;
  readonly asOfMs: number;
  /** Event times that must not train. */
  readonly exclude?: readonly ExcludedRange[];
}

/** Everything that ever came, and questions to it as of any moment. */
export interface History {
  /** Declares the tables that exist from now on; rows of others stay on the disk. */
  declare(tables: readonly HistoryTable[]): Promise<void>;
  /** Offset after the last record that is held (stored or buffered). */
  nextOffset(topic: string, partition: number): Promise<number>;
  append(topic: string, partition: number, rows: readonly HistoryRow[], nextOffset: number): Promise<void>;
  /** Forgets what is buffered of a partition; it is read from Kafka again by whoever owns it next. */
  release(topic: string, partition: number): void;
  /** Stores all that is buffered. */
  flush(): Promise<void>;
  /** The inputs of a plan for each row as of its time, in order; every row is there, whatever is found. */
  pointInTime(
    plan: LookupPlan,
    rows: readonly features.EntityRow[],
    known?: 'bitemporal' | 'latest',
  ): Promise<features.FeatureRow[]>;
  /** How new a source's history is; zeros when it holds nothing. */
  freshness(source: string): Promise<{
    readonly newestEventMs: number;
    readonly newestKnownMs: number;
    readonly records: number;
  }>;
}

/** Training sets out of the history. */
export interface Datasets {
  create(request: DatasetRequest): Promise<{ readonly dataset: registry.DatasetRef; readonly path: string }>;
  countLabels(spec: ModelSpec, asOfMs: number, exclude?: readonly ExcludedRange[]): Promise<number>;
}
