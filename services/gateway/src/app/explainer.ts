import type { ModelInput } from '@everloop/contracts';
import { planShapley, shapleyValues } from '@everloop/stats';
import { byInput, differences, hybrids } from '../domain/hybrids.ts';
import type { Packed } from '../domain/vector.ts';
import { gatewayError } from '../errors.ts';
import type { Caller } from '../ports.ts';
import { callCancelled } from './batcher.ts';

/** What the inputs contributed to one score; with the base they sum to it. */
export interface Explanation {
  /** float64 [inputs], in the order of the model's declaration. */
  readonly attributions: Float64Array;
  /** Mean score of the background rows that were used. */
  readonly base: number;
}

/** Rows that a score is explained against, with their scores. */
export interface Background {
  readonly batch: Packed;
  /** float64 [rows] */
  readonly scores: Float64Array;
}

export interface ExplainerOptions {
  /** Most evaluations of the model for one row. */
  readonly evaluationsMax: number;
  /** Most rows of one run; a request that comes meanwhile waits for no more. */
  readonly batchRowsMax: number;
  /** Most rows that wait to be explained. */
  readonly queueRowsMax: number;
  /** A row was explained: what it took. */
  readonly onExplained: (model: string, evaluations: number, seconds: number) => void;
}

/** Answered rows that shall be explained. */
export interface ExplainTask {
  readonly model: string;
  readonly version: string;
  readonly inputs: readonly Pick<ModelInput, 'type'>[];
  /** Null: the version was registered without. */
  readonly background: Background | null;
  readonly score: (batch: Packed) => Promise<Float64Array>;
  readonly batch: Packed;
  /** float64 [rows], as they were answered. */
  readonly scores: Float64Array;
  /** One for each row; the draws follow from them. */
  readonly decisionIds: readonly string[];
  readonly caller: Caller | undefined;
  /** The rows to explain, ascending; absent: all. */
  readonly rows?: readonly number[];
}

/** Pairs of orders beyond which values hardly change. */
const pairsMax = 16;

/**
 * Explains answered rows behind the answers of others: one row after the other, in small runs of which one is under way at a time, so that
 * whoever only wants a score waits for one such run at most.
 */
export class Explainer {
  readonly #options: ExplainerOptions;
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ExplainerOptions) {
    this.#options = options;
  }

  /** Whether so many rows more may wait. */
  hasRoom(rows: number): boolean {
    return this.#waiting + rows <= this.#options.queueRowsMax;
  }

  /** EVL_GATEWAY_EXPLAIN_FULL when so many rows more would be too many. */
  admit(rows: number): void {
    const { queueRowsMax } = this.#options;
    if (this.hasRoom(rows)) return;
    throw gatewayError(
      'EVL_GATEWAY_EXPLAIN_FULL',
      `${this.#waiting} rows wait to be explained, at most ${queueRowsMax} may; ask for fewer explanations at a time, or without`,
    );
  }

  /** One explanation for each row to explain. Rejects with EVL_GATEWAY_EXPLAIN_PRECONDITION, EVL_GATEWAY_CALL_CANCELLED, or as a run does. */
  async explain(task: ExplainTask): Promise<readonly Explanation[]> {
    const { background, model, version, batch } = task;
    if (background === null || background.batch.rows === 0) {
      throw gatewayError(
        'EVL_GATEWAY_EXPLAIN_PRECONDITION',
        `version ${version} of model ${model} has no golden rows to explain its scores against; train a new version`,
      );
    }
    const rows = task.rows ?? Array.from({ length: batch.rows }, (_, row) => row);
    this.#waiting += rows.length;
    const explanations: Explanation[] = [];
    try {
      for (const row of rows) explanations.push(await this.#next(() => this.#row(task, background, row)));
      return explanations;
    } finally {
      this.#waiting -= rows.length;
    }
  }

  /** Runs when everything before has ended, well or not. */
  #next<T>(run: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(run);
    this.#last = mine.catch(() => undefined);
    return mine;
  }

  async #row(task: ExplainTask, background: Background, row: number): Promise<Explanation> {
    const startedMs = performance.now();
    const { batchRowsMax, evaluationsMax, onExplained } = this.#options;
    const { batch, scores, decisionIds } = task;
    requireCaller(task);
    const flags = differences(batch, row, background.batch);
    const plan = planShapley(flags, { evaluationsMax, pairsMax, seed: decisionIds[row] ?? '' });
    const found = new Float64Array(plan.steps.length);
    for (let from = 0; from < plan.steps.length; from += batchRowsMax) {
      requireCaller(task);
      const steps = plan.steps.slice(from, from + batchRowsMax);
      found.set(await task.score(hybrids(steps, batch, row, background.batch)), from);
    }
    const { attributions, base } = shapleyValues(plan, scores[row] ?? Number.NaN, background.scores, found);
    onExplained(task.model, plan.steps.length, (performance.now() - startedMs) / 1_000);
    return { attributions: byInput(task.inputs, attributions), base };
  }
}

function requireCaller({ caller }: ExplainTask): void {
  if (caller?.isOver === true) throw callCancelled();
}
