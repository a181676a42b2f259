import { onnxError } from './errors.ts';
import type { RunInput } from './host-protocol.ts';
import type { ModelHost } from './model-host.ts';
import { Patience, type Batching } from './patience.ts';

export interface BatcherOptions {
  /** Most rows in one run. 64 keeps a run under a few milliseconds while the cost of a message is shared by many. */
  readonly rowsMax: number;
  /** Most rows that wait for one model; more are refused with EVL_ONNX_QUEUE_FULL. */
  readonly queueMax: number;
}

interface Waiting {
  readonly input: RunInput;
  readonly timeoutMs: number;
  /** On the clock of `performance.now()`; 0 where nothing waits for company. */
  readonly sinceMs: number;
  readonly resolve: (scores: Float64Array) => void;
  readonly reject: (error: unknown) => void;
}

interface Lane {
  queue: Waiting[];
  rows: number;
  isBusy: boolean;
  /** Ends a wait for company. */
  wake: (() => void) | null;
}

export interface BatchedRunOptions {
  readonly timeoutMs: number;
  /** Wait for others; absent: a batch is what waits anyway. */
  readonly batching?: Batching | undefined;
}

/** Merges concurrent runs of the same model: those of one turn of the event loop, and those that come while a run is under way. */
export interface Batcher {
  /** As `ModelHost.run`; the scores of the given rows only. A run of more than `rowsMax` rows goes alone. */
  run(key: string, input: RunInput, options: BatchedRunOptions): Promise<Float64Array>;
  /** Forgets what was learned of a model whose runs wait for others. */
  forget(key: string): void;
}

export function createBatcher(host: Pick<ModelHost, 'run'>, options: BatcherOptions): Batcher {
  const lanes = new Map<string, Lane>();
  const patiences = new Map<string, Patience>();

  async function drain(key: string, lane: Lane): Promise<void> {
    const patience = patiences.get(key);
    while (lane.queue.length > 0) {
      if (patience !== undefined) await company(lane, patience);
      const batch = takeBatch(lane, patience?.batching.maxRows ?? options.rowsMax);
      await runBatch(host, key, batch);
    }
    lane.isBusy = false;
    lanes.delete(key);
  }

  return {
    forget: (key) => void patiences.delete(key),
    run(key, input, { timeoutMs, batching }) {
      const lane = lanes.get(key) ?? { queue: [], rows: 0, isBusy: false, wake: null };
      lanes.set(key, lane);
      if (lane.rows + input.rows > options.queueMax) {
        const message = `${lane.rows} rows wait for model ${key}, at most ${options.queueMax} may; send fewer at a time.`;
        return Promise.reject(onnxError('EVL_ONNX_QUEUE_FULL', message));
      }
      return new Promise((resolve, reject) => {
        const sinceMs = batching === undefined ? 0 : performance.now();
        lane.queue.push({ input, timeoutMs, sinceMs, resolve, reject });
        lane.rows += input.rows;
        if (batching !== undefined && lane.rows >= batching.maxRows) lane.wake?.();
        if (lane.isBusy) return;
        if (batching !== undefined && !patiences.has(key)) patiences.set(key, new Patience(batching));
        lane.isBusy = true;
        // After the current turn's input has been read, so that requests that arrived together run together.
        setImmediate(() => void drain(key, lane));
      });
    },
  };
}

/** Waits for others, as long as the model's patience says. */
async function company(lane: Lane, patience: Patience): Promise<void> {
  const waitedMs = performance.now() - (lane.queue[0]?.sinceMs ?? 0);
  const waitMs = patience.waitMs(lane.queue.length, lane.rows, waitedMs);
  if (waitMs === 0) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, waitMs);
    lane.wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
  lane.wake = null;
  patience.waited(lane.queue.length);
}

function takeBatch(lane: Lane, rowsMax: number): Waiting[] {
  const first = lane.queue[0];
  let rows = 0;
  let count = 0;
  for (const each of lane.queue) {
    // Rows of another width would only fail their neighbours.
    if (count > 0 && (rows + each.input.rows > rowsMax || !isSameWidth(each.input, first?.input))) break;
    rows += each.input.rows;
    count += 1;
  }
  lane.rows -= rows;
  return lane.queue.splice(0, count);
}

function isSameWidth(a: RunInput, b: RunInput | undefined): boolean {
  return (
    b !== undefined &&
    a.numeric.length * b.rows === b.numeric.length * a.rows &&
    a.categories.length * b.rows === b.categories.length * a.rows
  );
}

async function runBatch(host: Pick<ModelHost, 'run'>, key: string, batch: readonly Waiting[]): Promise<void> {
  try {
    const timeoutMs = Math.max(...batch.map((each) => each.timeoutMs));
    const scores = await host.run(key, merge(batch), { timeoutMs });
    let from = 0;
    for (const each of batch) {
      each.resolve(scores.subarray(from, from + each.input.rows));
      from += each.input.rows;
    }
  } catch (error) {
    for (const each of batch) each.reject(error);
  }
}

function merge(batch: readonly Waiting[]): RunInput {
  const [only] = batch;
  if (batch.length === 1 && only !== undefined) return only.input;
  const numeric = new Float32Array(batch.reduce((sum, each) => sum + each.input.numeric.length, 0));
  const categories: string[] = [];
  let rows = 0;
  let at = 0;
  for (const { input } of batch) {
    numeric.set(input.numeric, at);
    at += input.numeric.length;
    for (const category of input.categories) categories.push(category);
    rows += input.rows;
  }
  return { rows, numeric, categories };
}
