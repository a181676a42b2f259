import { createBatcher, type Batching, type ModelHost } from '@everloop/onnx';
import type { ScoreRunner } from '../ports.ts';

/** What happened to runs of one model file; durations in milliseconds. */
export interface RunEvents {
  /** One batch of `rows` rows ran for so long. */
  executed(rows: number, inferMs: number): void;
  /** A run waited for its batch, which ran for `inferMs`. */
  ran(queueMs: number, inferMs: number): void;
  failed(elapsedMs: number): void;
}

export interface OnnxRunnerOptions {
  /** Most rows in one run. */
  readonly rowsMax: number;
  /** Most rows that wait for one version. */
  readonly queueMax: number;
  /** Longest time of one run, milliseconds; then the model process is killed and started again. */
  readonly timeoutMs: number;
  /** Asked once for each file that is loaded. */
  readonly watch: (key: string) => RunEvents;
}

/** What is known of a loaded file. */
interface Held {
  readonly events: RunEvents;
  readonly batching: Batching | undefined;
  /** How long the batch ran that ended last. Batches of one file run one after the other, so it is the one that a run which ends now was in. */
  lastMs: number;
}

const unwatched: RunEvents = { executed: () => undefined, ran: () => undefined, failed: () => undefined };

/** Runs model files in the model host; concurrent requests for one version share a run. */
export function createOnnxRunner(
  host: Pick<ModelHost, 'load' | 'unload' | 'run'>,
  options: OnnxRunnerOptions,
): ScoreRunner {
  const { timeoutMs, watch } = options;
  const held = new Map<string, Held>();
  const timed: Pick<ModelHost, 'run'> = {
    async run(key, input, limits) {
      const startedMs = performance.now();
      const scores = await host.run(key, input, limits);
      const file = held.get(key);
      if (file !== undefined) {
        file.lastMs = performance.now() - startedMs;
        file.events.executed(input.rows, file.lastMs);
      }
      return scores;
    },
  };
  const batcher = createBatcher(timed, options);
  return {
    load: (key, path, digestHex, batching) => {
      held.set(key, { events: watch(key), batching, lastMs: 0 });
      return host.load(key, path, digestHex);
    },
    unload: (key) => {
      held.delete(key);
      batcher.forget(key);
      return host.unload(key);
    },
    async run(key, batch) {
      const startedMs = performance.now();
      const file = held.get(key);
      const events = file?.events ?? unwatched;
      try {
        const scores = await batcher.run(key, batch, { timeoutMs, batching: file?.batching });
        const inferMs = file?.lastMs ?? 0;
        events.ran(Math.max(0, performance.now() - startedMs - inferMs), inferMs);
        return scores;
      } catch (error) {
        events.failed(performance.now() - startedMs);
        throw error;
      }
    },
  };
}
