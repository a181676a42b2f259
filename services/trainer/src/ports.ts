import type {
  features,
  ModelEmbedding,
  ModelSpec,
  quality,
  registry,
  SplitSpec,
  TriggerSpec,
} from '@everloop/contracts';
import type { ColumnTable } from '@everloop/storage';
import type { HeldRange, NeededSource } from './domain/holds.ts';

/** An applied Model with its revision. */
export interface AppliedModel {
  readonly name: string;
  readonly revision: number;
  readonly spec: ModelSpec;
  /** See `featurePins`; recorded with each version. */
  readonly pins?: Readonly<Record<string, string>>;
  /** Field that the model's Monitors count rows by; absent: none names one. */
  readonly unit?: string;
}

/** The applied resources that training needs, as of now. */
export interface Catalogue {
  model(name: string): AppliedModel | undefined;
  /** The sources that a training set of the model is made of and that have window rules, by name. */
  judgedSources(spec: ModelSpec): readonly NeededSource[];
  /** Triggers by name, ascending. */
  triggers(): readonly { readonly name: string; readonly spec: TriggerSpec }[];
}

/** Labelled rows and training sets. Calls wait while the feature store is away. */
export interface TrainingData {
  countLabels(model: string, asOfMs: number, exclude: readonly HeldRange[]): Promise<number>;
  /**
   * Rows with a prediction time in [fromMs, untilMs) and a label that came before `untilMs`, frozen; `path` is a Parquet file without the
   * rows of the fixed holdout.
   */
  freeze(wanted: {
    readonly model: string;
    readonly fromMs: number;
    readonly untilMs: number;
    readonly exclude: readonly HeldRange[];
    /** For the catalog: why it is made. */
    readonly reason: string;
  }): Promise<FrozenData>;
}

export interface FrozenData {
  readonly dataset: registry.DatasetRef;
  readonly path: string;
  /** What the checks of the Model found. */
  readonly checks: readonly features.CheckFinding[];
}

/** The fixed holdout, for evaluation alone: it takes the evaluator's key, which no training has. Calls wait while the feature store is away. */
export interface HoldoutVault {
  /** Rows of a snapshot's fixed holdout; null when it is empty. `purpose` is recorded. */
  open(snapshotId: string, purpose: string): Promise<ColumnTable | null>;
}

/** Holds that the window judge has opened. */
export interface Holds {
  /**
   * All holds, once the windows of these sources are judged up to `timeMs`; or which are not, after a bounded wait. Rejects with the
   * signal's reason.
   */
  asOf(
    sources: readonly string[],
    timeMs: number,
    signal: AbortSignal,
  ): Promise<
    | { readonly kind: 'known'; readonly holds: readonly quality.Hold[] }
    | { readonly kind: 'behind'; readonly sources: readonly string[] }
  >;
}

/** Reads a frozen training set by columns. */
export type DatasetReader = (path: string) => Promise<ColumnTable>;

/** The ledger of versions. Calls wait while the registry is away. */
export interface VersionLedger {
  versions(model: string): Promise<readonly registry.ModelVersion[]>;
  /** Idempotent on the job id. */
  register(version: registry.ModelVersion): Promise<registry.ModelVersion>;
}

export interface RecipeInput {
  readonly name: string;
  readonly type: 'number' | 'category';
  /** A category that is free text. */
  readonly text?: boolean;
}

/** What a recipe is asked to do: the recipe contract, version 1. */
export interface RecipeJob {
  readonly jobId: string;
  readonly recipe: string;
  readonly model: string;
  readonly datasetPath: string;
  readonly inputs: readonly RecipeInput[];
  readonly embeddings: readonly ModelEmbedding[];
  /** What rows belong to, and the column of the training set that says it; null where none does. */
  readonly unit: { readonly field: string; readonly column: string } | null;
  readonly split: SplitSpec;
  readonly parameters: Readonly<Record<string, number>>;
  readonly seed: number;
  readonly timeoutMs: number;
}

/** A row with the score that the recipe itself gave it; null is missing. */
export interface SampleRow {
  readonly numeric: readonly (number | null)[];
  readonly category: readonly string[];
  readonly score: number;
}

/** What a recipe has made. */
export interface RecipeResult {
  readonly modelPath: string;
  readonly model: Uint8Array;
  readonly baseline: Uint8Array;
  /** The training rows in time (drift.v1.History); null from a recipe that does not write it. */
  readonly history: Uint8Array | null;
  readonly metrics: Uint8Array;
  /** Parameters in force, defaults included. */
  readonly parameters: Readonly<Record<string, number>>;
  /** The recipe's own figures, for example `validationAuc`. */
  readonly figures: Readonly<Record<string, number>>;
  readonly sample: readonly SampleRow[];
  /** Frees the working folder. */
  discard(): Promise<void>;
}

/** Runs recipes, isolated. Rejects with EVL_TRAINER_RECIPE_*; aborting ends the run. */
export interface Recipes {
  run(job: RecipeJob, signal: AbortSignal): Promise<RecipeResult>;
}

/** Keeps artifacts by their digest. */
export interface Artifacts {
  put(bytes: Uint8Array): Promise<string>;
  path(digest: string): string;
}

/** Rows for a model file: numbers and categories, row-major. */
export interface Rows {
  readonly rows: number;
  readonly numeric: Float32Array;
  readonly categories: readonly string[];
}

/** Runs model files; a ModelHost fits. */
export interface Scorer {
  load(key: string, path: string, digestHex: string): Promise<unknown>;
  unload(key: string): Promise<void>;
  run(key: string, rows: Rows, options: { readonly timeoutMs: number }): Promise<Float64Array>;
}
