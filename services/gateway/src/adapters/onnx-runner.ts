import { createBatcher, type Batching, type ModelHost } from '@everloop/onnx';
import type { ScoreRunner } from '../ports.ts';

/** What happened to runs, by the key of the file; durations in milliseconds. */
export interface RunEvents {
  /** One batch of `rows` rows ran for so long. */
  executed(key: string, rows: number, inferMs: number): void;
  /** A run waited for its batch, which ran for `inferMs`. */
  ran(key: string, queueMs: number, inferMs: number): void;
  failed(key: string, elapsedMs: number): void;
}

export interface OnnxRunnerOptions {
  /** Most rows in one run. */
  readonly rowsMax: number;
  /** Most rows that wait for one version. */
  readonly queueMax: number;
  /** Longest time of one run, milliseconds; then the model process is killed and started again. */
  readonly timeoutMs: number;
  readonly events: RunEvents;
}

/** Runs model files in the model host; concurrent requests for one version share a run. */
export function createOnnxRunner(
  host: Pick<ModelHost, 'load' | 'unload' | 'run'>,
  options: OnnxRunnerOptions,
): ScoreRunner {
  const { timeoutMs, events } = options;
  /** How long the batch ran that ended last, by key. Batches of one key run one after the other, so it is the one that a run which ends now was in. */
  const lastMs = new Map<string, number>();
  const timed: Pick<ModelHost, 'run'> = {
    async run(key, input, limits) {
      const startedMs = performance.now();
      const scores = await host.run(key, input, limits);
      const inferMs = performance.now() - startedMs;
      lastMs.set(key, inferMs);
      events.executed(key, input.rows, inferMs);
      return scores;
    },
  };
  const batchings = new Map<string, Batching>();
  const batcher = createBatcher(timed, options);
  return {
    load: (key, path, digestHex, batching) => {
      if (batching !== undefined) batchings.set(key, batching);
      return host.load(key, path, digestHex);
    },
    unload: (key) => {
      lastMs.delete(key);
      batchings.delete(key);
      batcher.forget(key);
      return host.unload(key);
    },
    async run(key, batch) {
      const startedMs = performance.now();
      try {
        const scores = await batcher.run(key, batch, { timeoutMs, batching: batchings.get(key) });
        const inferMs = lastMs.get(key) ?? 0;
        events.ran(key, Math.max(0, performance.now() - startedMs - inferMs), inferMs);
        return scores;
      } catch (error) {
        events.failed(key, performance.now() - startedMs);
        throw error;
      }
    },
  };
}
