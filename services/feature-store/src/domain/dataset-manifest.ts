import { canonicalJson, sha256Hex, type SplitPart, type SplitSpec } from '@everloop/contracts';

import { errors } from '../errors.ts';
import type { ColumnSummary } from './column-summary.ts';
import type { CheckResult } from './dataset-checks.ts';

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
  /** The rows of the fixed holdout, sealed for the evaluator's key; null when there are none. */
  readonly vault: { readonly rows: number; readonly contentHash: string; readonly keyId: string } | null;
  readonly checks: readonly CheckResult[];
}

/** The manifest's bytes and their digest, which is the snapshot's id. */
export function encodeManifest(manifest: DatasetManifest): { readonly id: string; readonly bytes: Buffer } {
  const text = canonicalJson(manifest);
  return { id: sha256Hex(text), bytes: Buffer.from(text) };
}

/** Reads a manifest. EVL_FEATURES_SNAPSHOT_INVALID when it is of another format. */
export function decodeManifest(id: string, bytes: Uint8Array): DatasetManifest {
  try {
    const found = JSON.parse(Buffer.from(bytes).toString('utf8')) as DatasetManifest;
    if ((found.format as number) === 1) return found;
  } catch (error) {
    throw errors.snapshotInvalid(id, error);
  }
  throw errors.snapshotInvalid(id);
}

/** The worst of the checks. */
export function verdictOf(checks: readonly CheckResult[]): 'pass' | 'warn' | 'fail' {
  if (checks.some(({ verdict }) => verdict === 'fail')) return 'fail';
  return checks.some(({ verdict }) => verdict === 'warn') ? 'warn' : 'pass';
}
