import { createBatcher, type ModelHost } from '@everloop/onnx';
import type { ScoreRunner } from '../ports.ts';

export interface OnnxRunnerOptions {
  /** Most rows in one run. */
  readonly rowsMax: number;
  /** Most rows that wait for one version. */
  readonly queueMax: number;
  /** Longest time of one run, milliseconds; then the model process is killed and started again. */
  readonly timeoutMs: number;
}

/** Runs model files in the model host; concurrent requests for one version share a run. */
export function createOnnxRunner(host: ModelHost, options: OnnxRunnerOptions): ScoreRunner {
  const { timeoutMs } = options;
  const batcher = createBatcher(host, options);
  return {
    load: (key, path, digestHex) => host.load(key, path, digestHex),
    unload: (key) => host.unload(key),
    run: (key, batch) => batcher.run(key, batch, { timeoutMs }),
  };
}
