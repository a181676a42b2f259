import type { SplitPart, SplitSpec } from './splits.ts';

/* What the feature store says of its snapshots, as JSON in DatasetService and in the object store. */

/** What a snapshot says about a column of numbers. Missing values are in no bin. */
export interface NumberSummary {
  readonly name: string;
  readonly type: 'number';
  readonly rows: number;
  readonly missing: number;
  /** Null where every value is missing. */
  readonly min: number | null;
  readonly max: number | null;
  readonly mean: number | null;
  readonly distinct: number;
  /** Inner edges of the histogram, at most 63, ascending; bin i holds edges[i - 1] < x <= edges[i]. */
  readonly edges: readonly number[];
  readonly counts: readonly number[];
}

/** What a snapshot says about a column of text. */
export interface TextSummary {
  readonly name: string;
  readonly type: 'string';
  readonly rows: number;
  readonly missing: number;
  readonly distinct: number;
  /** The most frequent values and their counts, at most 50, descending, then by value. */
  readonly top: readonly (readonly [string, number])[];
  /** Rows with another value. */
  readonly other: number;
}

export type ColumnSummary = NumberSummary | TextSummary;

export type CheckName = 'duplicates' | 'groupLeak' | 'targetLeak' | 'labelInput' | 'timeOverlap' | 'futureData';

/** What one check of a dataset found. */
export interface CheckResult {
  readonly check: CheckName;
  readonly verdict: 'pass' | 'warn' | 'fail';
  readonly detail: string;
  /** Rows that show it; each a JSON object. */
  readonly examples: readonly string[];
}

/** A resource that decided what a dataset holds; its spec lies in the object store under its digest. */
export interface DefinitionRef {
  readonly kind: string;
  readonly name: string;
  readonly revision: number;
  readonly digest: string;
}

/** Records of a topic partition, offsets [start, end). */
export interface OffsetRange {
  readonly topic: string;
  readonly partition: number;
  readonly start: number;
  readonly end: number;
}

export type KnownPolicy = 'bitemporal' | 'latest';

/**
 * Everything that a snapshot is: what was asked, of which records and definitions, and what came out. Holds nothing that differs when the
 * same is done again (no wall-clock time, no creator), so that its digest is the snapshot's id. Times are epoch milliseconds UTC.
 */
export interface DatasetManifest {
  readonly format: 1;
  readonly model: string;
  /** SHA-256 of all rows in canonical order, those of the vault too. */
  readonly contentHash: string;
  readonly rows: number;
  readonly request: {
    readonly fromMs: number;
    readonly untilMs: number;
    readonly asOfMs: number;
    readonly known: KnownPolicy;
    /** Ranges of event time that were left out, merged. */
    readonly exclude: readonly { readonly fromMs: number; readonly untilMs: number }[];
  };
  readonly definitions: readonly DefinitionRef[];
  readonly offsets: readonly OffsetRange[];
  readonly split: SplitSpec;
  /** Rows by part of the split. */
  readonly parts: Readonly<Record<SplitPart, number>>;
  /** Of the rows outside of the vault. */
  readonly columns: readonly ColumnSummary[];
  /** Parquet in the object store: all rows but those of the vault, in canonical order. */
  readonly data: { readonly digest: string; readonly rows: number };
  /** Every row of the fixed holdout, those of `unused` times too, sealed for the evaluator's key; null when there are none. */
  readonly vault: { readonly rows: number; readonly contentHash: string; readonly keyId: string } | null;
  readonly checks: readonly CheckResult[];
}

/** How a column's values moved from one snapshot to another. */
export interface ColumnShift {
  readonly name: string;
  /** Population stability index on ten groups of the first snapshot's bins, or on its values; nats. Null where a side is empty. */
  readonly psi: number | null;
  /** Kolmogorov-Smirnov statistic on the first snapshot's bins; null for text. */
  readonly ks: number | null;
  readonly missingShare: readonly [number, number];
  readonly mean: readonly [number | null, number | null];
  readonly distinct: readonly [number, number];
}

/** A row that only one side has, or that both have with other values. Columns by name. */
export interface ChangedRow {
  readonly joinKey: string;
  readonly timeMs: number;
  readonly changes?: Readonly<Record<string, readonly [number | string | null, number | string | null]>>;
}

export interface DatasetDiff {
  readonly from: string;
  readonly to: string;
  /** The same content hash: rows and columns are equal. */
  readonly equal: boolean;
  readonly rows: {
    readonly from: number;
    readonly to: number;
    /** By join key and prediction time, outside of the vaults. */
    readonly added: number;
    readonly removed: number;
    readonly changed: number;
    readonly vault: readonly [number, number];
    readonly vaultEqual: boolean;
    readonly examples: {
      readonly added: readonly ChangedRow[];
      readonly removed: readonly ChangedRow[];
      readonly changed: readonly ChangedRow[];
    };
    /** Rows that changed, by column. */
    readonly changedByColumn: Readonly<Record<string, number>>;
  };
  readonly columns: {
    readonly added: readonly string[];
    readonly removed: readonly string[];
    readonly retyped: readonly { readonly name: string; readonly from: string; readonly to: string }[];
  };
  /** Of the columns that both have, most moved first. */
  readonly distributions: readonly ColumnShift[];
  readonly parts: readonly { readonly part: string; readonly from: number; readonly to: number }[];
  readonly definitions: readonly { readonly name: string; readonly from: string | null; readonly to: string | null }[];
  readonly offsets: readonly { readonly partition: string; readonly from: string | null; readonly to: string | null }[];
  readonly exclude: { readonly added: readonly string[]; readonly removed: readonly string[] };
  /** What was asked differently: from, until, asOf, known, split. */
  readonly request: readonly { readonly name: string; readonly from: string; readonly to: string }[];
}
