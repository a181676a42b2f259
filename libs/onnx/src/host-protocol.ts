/** Messages between the model host and its child process; see host-wire.ts for their bytes. */

/** Rows for a model: numbers and categories, each row-major in the order of the Model's inputs of that type. */
export interface RunInput {
  readonly rows: number;
  /** `[rows, nNumeric] float32`; NaN is missing. */
  readonly numeric: Float32Array;
  /** `[rows, nCategories]`; the empty string is missing. */
  readonly categories: readonly string[];
}

export interface LoadedModel {
  /** Columns of the input `numeric`; 0 when the model has none. */
  readonly nNumeric: number;
  /** Columns of the input `category`; 0 when the model has none. */
  readonly nCategories: number;
  readonly ops: readonly string[];
}

export type HostRequest =
  | { readonly kind: 'load'; readonly id: number; readonly key: string; readonly path: string; readonly digest: string }
  | { readonly kind: 'unload'; readonly id: number; readonly key: string }
  | ({ readonly kind: 'run'; readonly id: number; readonly key: string } & RunInput);

export type HostReply =
  /** `trouble`: why no model can be run, as a provider is missing. */
  | { readonly kind: 'ready'; readonly runtimeVersion: string; readonly trouble: string | null }
  | { readonly kind: 'loaded'; readonly id: number; readonly model: LoadedModel; readonly rssBytes: number }
  | { readonly kind: 'unloaded'; readonly id: number; readonly rssBytes: number }
  | { readonly kind: 'scored'; readonly id: number; readonly scores: Float64Array; readonly rssBytes: number }
  | {
      readonly kind: 'failed';
      readonly id: number;
      readonly code: string;
      readonly message: string;
      readonly rssBytes: number;
    };
