import { onnxError } from './errors.ts';
import type { RunInput } from './host-protocol.ts';
import type { ModelHost } from './model-host.ts';

export interface BatcherOptions {
  /** Most rows in one run. 64 keeps a run under a few milliseconds while the cost of a message is shared by many. */
  readonly rowsMax: number;
  /** Most rows that wait for one model; more are refused with EVL_ONNX_QUEUE_FULL. */
  readonly queueMax: number;
}

interface Waiting {
  readonly input: RunInput;
  readonly timeoutMs: number;
  readonly resolve: (scores: Float64Array) => void;
  readonly reject: (error: unknown) => void;
}

interface Lane {
  queue: Waiting[];
  rows: number;
  isBusy: boolean;
}

/** Merges concurrent runs of the same model: those of one turn of the event loop, and those that come while a run is under way. */
export interface Batcher {
  /** As `ModelHost.run`; the scores of the given rows only. A run of more than `rowsMax` rows goes alone. */
  run(key: string, input: RunInput, options: { readonly timeoutMs: number }): Promise<Float64Array>;
}

export function createBatcher(host: Pick<ModelHost, 'run'>, options: BatcherOptions): Batcher {
  const lanes = new Map<string, Lane>();

  async function drain(key: string, lane: Lane): Promise<void> {
    while (lane.queue.length > 0) {
      const batch = takeBatch(lane, options.rowsMax);
      await runBatch(host, key, batch);
    }
    lane.isBusy = false;
    lanes.delete(key);
  }

  return {
    run(key, input, { timeoutMs }) {
      const lane = lanes.get(key) ?? { queue: [], rows: 0, isBusy: false };
      lanes.set(key, lane);
      if (lane.rows + input.rows > options.queueMax) {
        const message = `${lane.rows} rows wait for model ${key}, at most ${options.queueMax} may; send fewer at a time.`;
        return Promise.reject(onnxError('EVL_ONNX_QUEUE_FULL', message));
      }
      return new Promise((resolve, reject) => {
        lane.queue.push({ input, timeoutMs, resolve, reject });
        lane.rows += input.rows;
        if (lane.isBusy) return;
        lane.isBusy = true;
        // After the current turn's input has been read, so that requests that arrived together run together.
        setImmediate(() => void drain(key, lane));
      });
    },
  };
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
