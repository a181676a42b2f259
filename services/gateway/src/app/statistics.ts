import type { inference } from '@everloop/contracts';

/** A sum of durations and how many there were. */
interface Total {
  count: number;
  ms: number;
}

interface Counters {
  readonly model: string;
  readonly version: string;
  /** Epoch milliseconds UTC; 0: never. */
  lastAtMs: number;
  rows: number;
  executions: number;
  readonly success: Total;
  readonly fail: Total;
  readonly queue: Total;
  readonly input: Total;
  readonly infer: Total;
  readonly output: Total;
  /** Executions by their rows. */
  readonly batches: Map<number, Total>;
}

/** An answered request, durations in milliseconds. */
export interface AnsweredRequest {
  readonly model: string;
  readonly version: string;
  readonly rows: number;
  readonly totalMs: number;
  /** Waiting until its features were read. */
  readonly waitMs: number;
  /** Reading its features. */
  readonly inputMs: number;
  /** Making the message of the answer. */
  readonly outputMs: number;
}

/** Versions that are remembered, those without a request for longest forgotten first. */
const versionsMax = 256;
/** Batches of more rows are counted with the next power of two, so that there are few sizes. */
const exactRowsMax = 256;

const total = (): Total => ({ count: 0, ms: 0 });

function add(sum: Total, ms: number): void {
  sum.count += 1;
  sum.ms += ms;
}

/**
 * What the gateway did since its start, by model and version, as ModelStatistics tells it. `success` counts answered requests, `fail` runs of a version that
 * failed (a canary's too when the champion answered in its place, a shadow's too; what a client did wrong never), `queue` and `compute_infer` runs,
 * `compute_input` the reading of features, executions the batches that the model process ran.
 */
export class Statistics {
  readonly #nowMs: () => number;
  readonly #counters = new Map<string, Counters>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  answered(request: AnsweredRequest): void {
    const counters = this.#of(request.model, request.version);
    counters.lastAtMs = this.#nowMs();
    counters.rows += request.rows;
    add(counters.success, request.totalMs);
    add(counters.input, request.inputMs);
    add(counters.output, request.outputMs);
    counters.queue.ms += request.waitMs;
  }

  /** A run of a version answered: how long it waited for its batch and how long the batch ran. */
  ran(model: string, version: string, queueMs: number, inferMs: number): void {
    const counters = this.#of(model, version);
    add(counters.queue, queueMs);
    add(counters.infer, inferMs);
  }

  runFailed(model: string, version: string, elapsedMs: number): void {
    add(this.#of(model, version).fail, elapsedMs);
  }

  /** The model process ran a batch. */
  executed(model: string, version: string, rows: number, inferMs: number): void {
    const counters = this.#of(model, version);
    const { batches } = counters;
    counters.executions += 1;
    const size = rows <= exactRowsMax ? rows : 2 ** Math.ceil(Math.log2(rows));
    const batch = batches.get(size) ?? total();
    batches.set(size, batch);
    add(batch, inferMs);
  }

  /** Versions of a model that something is known of. */
  versionsOf(model: string): readonly string[] {
    return [...this.#counters.values()].filter((each) => each.model === model).map((each) => each.version);
  }

  /** All zero for a version that was never used. */
  of(model: string, version: string): inference.ModelStatistics {
    const known = this.#counters.get(nameOf(model, version)) ?? emptyCounters(model, version);
    return {
      name: model,
      version,
      lastInference: BigInt(known.lastAtMs),
      inferenceCount: BigInt(known.rows),
      executionCount: BigInt(known.executions),
      inferenceStats: {
        success: duration(known.success),
        fail: duration(known.fail),
        queue: duration(known.queue),
        computeInput: duration(known.input),
        computeInfer: duration(known.infer),
        computeOutput: duration(known.output),
        cacheHit: duration(total()),
        cacheMiss: duration(total()),
      },
      batchStats: [...known.batches]
        .sort(([a], [b]) => a - b)
        .map(([rows, infer]) => ({
          batchSize: BigInt(rows),
          computeInput: duration({ count: infer.count, ms: 0 }),
          computeInfer: duration(infer),
          computeOutput: duration({ count: infer.count, ms: 0 }),
        })),
      memoryUsage: [],
      responseStats: {},
    };
  }

  #of(model: string, version: string): Counters {
    const name = nameOf(model, version);
    const known = this.#counters.get(name);
    if (known !== undefined) return known;
    const made = emptyCounters(model, version);
    this.#counters.set(name, made);
    if (this.#counters.size > versionsMax) this.#forgetOne(made);
    return made;
  }

  #forgetOne(kept: Counters): void {
    let oldest: readonly [string, Counters] | null = null;
    for (const entry of this.#counters) {
      if (entry[1] !== kept && (oldest === null || entry[1].lastAtMs < oldest[1].lastAtMs)) oldest = entry;
    }
    if (oldest !== null) this.#counters.delete(oldest[0]);
  }
}

function nameOf(model: string, version: string): string {
  return `${model}/${version}`;
}

function emptyCounters(model: string, version: string): Counters {
  return {
    ...{ model, version, lastAtMs: 0, rows: 0, executions: 0 },
    ...{ success: total(), fail: total(), queue: total(), input: total(), infer: total(), output: total() },
    batches: new Map(),
  };
}

function duration({ count, ms }: Total): inference.StatisticDuration {
  return { count: BigInt(count), ns: BigInt(Math.round(ms * 1e6)) };
}
