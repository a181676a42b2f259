import type { PoolStage } from '../../domain/pool-watermarks.ts';

/** From a worker to its supervisor. */
export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'alive'; readonly rssBytes: number; readonly records: number }
  /** Everything of this worker up to the watermark is where the stage wants it. */
  | { readonly kind: 'reached'; readonly stage: PoolStage; readonly watermarkMs: number }
  | { readonly kind: 'wrote'; readonly stage: PoolStage; readonly watermarkMs: number }
  | { readonly kind: 'askMetrics'; readonly id: number }
  | { readonly kind: 'metrics'; readonly id: number; readonly metrics: readonly object[] };

/** From the supervisor to a worker. */
export type ToWorker =
  /** Write the watermark of the whole pool; `records` were answered by all workers. */
  | { readonly kind: 'write'; readonly stage: PoolStage; readonly watermarkMs: number; readonly records: number }
  | { readonly kind: 'giveMetrics'; readonly id: number }
  | { readonly kind: 'allMetrics'; readonly id: number; readonly metrics: readonly (readonly object[])[] };
