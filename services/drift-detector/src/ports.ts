import type { Baseline } from '@everloop/drift';

/** Where baselines are. */
export interface BaselineStore {
  /**
   * The baseline of a model version; null where it has none that can be used (said in the log). Rejects with a retryable error while
   * the registry is away.
   */
  get(model: string, version: string): Promise<Baseline | null>;
}
