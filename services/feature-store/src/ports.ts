import type {
  DatasetDiff,
  DatasetManifest,
  features,
  KnownPolicy,
  ModelSpec,
  SplitPart,
  TypedResource,
} from '@everloop/contracts';
import type { CompiledView, LookupPlan, RowState } from '@everloop/features';
import type { PublicEvaluatorKey } from '@everloop/vault';
import type { AppliedOffsets } from './domain/applied-timeline.ts';
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
  /** Stores rows that hold the same records as before; EVL_STORAGE_REDIS_FENCED when the stored position is not `position` any more. */
  replace(
    writes: readonly RowWrite[],
    at: { readonly topic: string; readonly partition: number },
    position: OnlinePosition,
  ): Promise<void>;
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
  /** Default bitemporal. */
  readonly known?: KnownPolicy;
  /** The resources that decide the rows. */
  readonly definitions: readonly TypedResource[];
}

/** Everything that ever came, and questions to it as of any moment. */
export interface History {
  /** Declares the tables that exist from now on; rows of others stay on the disk. */
  declare(tables: readonly HistoryTable[]): Promise<void>;
  /** Offset after the last record that is held (stored or buffered). */
  nextOffset(topic: string, partition: number): Promise<number>;
  /** As `nextOffset`; of a partition that another replica writes, as far as it has stored it. */
  landed(topic: string, partition: number): Promise<number>;
  append(topic: string, partition: number, rows: readonly HistoryRow[], nextOffset: number): Promise<void>;
  /** Records of a topic partition with an offset in [from, until), in order, at most `limit`; also what is buffered. */
  scan(
    topic: string,
    partition: number,
    range: { readonly from: number; readonly until: number; readonly limit: number },
  ): Promise<HistoryRow[]>;
  /** Forgets what is buffered of a partition; it is read from Kafka again by whoever owns it next. */
  release(topic: string, partition: number): void;
  /** Stores all that is buffered. */
  flush(): Promise<void>;
  /** The inputs of a plan for each row as of its time, in order; every row is there, whatever is found. */
  pointInTime(
    plan: LookupPlan,
    rows: readonly features.EntityRow[],
    options?: PointInTimeOptions,
  ): Promise<features.FeatureRow[]>;
  /** How new a source's history is; zeros when it holds nothing. */
  freshness(source: string): Promise<{
    readonly newestEventMs: number;
    readonly newestKnownMs: number;
    readonly records: number;
  }>;
}

export interface PointInTimeOptions {
  /** Default: what was known at a row's time. */
  readonly known?: KnownPolicy;
  /** Only records before these offsets are there; none of a partition that is not named. Default: all. */
  readonly until?: AppliedOffsets;
}

/** How far the served predictions were compared with the history, by partition of their topic. */
export interface ParityPositions {
  /** Null when nothing is stored. */
  read(partition: number): Promise<bigint | null>;
  write(partition: number, nextOffset: bigint): Promise<void>;
}

/** A frozen training set. */
export interface MadeDataset {
  readonly id: string;
  readonly manifest: DatasetManifest;
  /** Parquet in the object store, without the rows of the vault. */
  readonly path: string;
}

/** Whether the rows of a snapshot came out the same again. */
export interface Verification {
  readonly expected: { readonly contentHash: string; readonly rows: number };
  readonly actual: { readonly contentHash: string; readonly rows: number };
  readonly differences: readonly string[];
}

/** Training sets out of the history. */
export interface Datasets {
  create(request: DatasetRequest): Promise<MadeDataset>;
  countLabels(spec: ModelSpec, asOfMs: number, exclude?: readonly ExcludedRange[]): Promise<number>;
  manifest(id: string): Promise<DatasetManifest>;
  /** Makes the rows again from the recorded definitions and offsets. */
  verify(manifest: DatasetManifest): Promise<Verification>;
  diff(from: DatasetManifest, to: DatasetManifest, examplesMax: number): Promise<DatasetDiff>;
  /** A Parquet file of the rows outside of the vault, or of some parts; `dispose` when it is not needed any more. */
  checkout(
    manifest: DatasetManifest,
    parts: readonly SplitPart[] | null,
  ): Promise<{ readonly path: string; dispose(): Promise<void> }>;
}

/** A snapshot in the catalog. Times are wall-clock, epoch milliseconds UTC. */
export interface CatalogEntry {
  readonly id: string;
  readonly model: string;
  readonly createdAtMs: number;
  readonly createdBy: string;
  readonly reason: string;
  /** The model's snapshot before it; empty for the first. */
  readonly parent: string;
  readonly tags: readonly string[];
}

export interface TagMove {
  readonly tag: string;
  /** Empty when the tag was removed. */
  readonly id: string;
  readonly previousId: string;
  readonly by: string;
  readonly reason: string;
  readonly atMs: number;
}

/** Which snapshots there are. */
export interface DatasetCatalog {
  /** Adds a snapshot, or finds it when it is known. */
  record(entry: Omit<CatalogEntry, 'parent' | 'tags'>): CatalogEntry;
  /** Newest first; of every model for an empty name. */
  list(model: string, limit: number): readonly CatalogEntry[];
  /** By id, the first digits of one, or tag. EVL_FEATURES_DATASET_NOT_FOUND. */
  get(ref: string): CatalogEntry;
  /** Moves a tag, or removes it for an empty `ref`. */
  tag(move: {
    readonly tag: string;
    readonly ref: string;
    readonly by: string;
    readonly reason: string;
    readonly atMs: number;
  }): TagMove;
  /** Every move to and from a snapshot, oldest first. */
  moves(id: string): readonly TagMove[];
}

/** The sealed rows of fixed holdouts. */
export interface Vault {
  publicKey(): Promise<PublicEvaluatorKey>;
  get(contentHash: string, keyId: string): Promise<Buffer>;
}
