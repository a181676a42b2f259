import { isLogged } from '@everloop/contracts';
import type { UnexplainedReason } from '../domain/unexplained.ts';
import type { Explainer, ExplainTask } from './explainer.ts';

export interface LoggedAttributionsOptions {
  readonly explainer: Pick<Explainer, 'explain' | 'hasRoom'>;
  /** Whether rows are logged without when too many wait, so that no answer waits long; a replay leaves none out. */
  readonly mayDrop: boolean;
  readonly onUnexplained: (model: string, reason: UnexplainedReason, rows: number, error?: unknown) => void;
}

/**
 * Explains the share of a model's predictions that is logged with attributions. The choice is the decision id's, by the digits that say what is
 * logged at all, so both are the same in every retry and replay, and what is explained is a simple random sample. Prediction and attributions are one
 * record, so the answers of these rows wait for it: at most for those of the rows before that wait, and never for what is refused.
 */
export class LoggedAttributions {
  readonly #options: LoggedAttributionsOptions;

  constructor(options: LoggedAttributionsOptions) {
    this.#options = options;
  }

  /** Rows that are wanted with attributions, ascending. */
  rowsOf(share: number, decisionIds: readonly string[]): readonly number[] {
    return decisionIds.flatMap((id, row) => (isLogged(id, share) ? [row] : []));
  }

  /** Attributions by row. Never rejects: rows without are reported and logged without. */
  async explain(task: ExplainTask & { readonly rows: readonly number[] }): Promise<ReadonlyMap<number, Float64Array>> {
    const { explainer, mayDrop, onUnexplained } = this.#options;
    const { model, rows, background } = task;
    if (background === null || (mayDrop && !explainer.hasRoom(rows.length))) {
      onUnexplained(model, background === null ? 'no-golden-rows' : 'full', rows.length);
      return new Map();
    }
    try {
      const explanations = await explainer.explain(task);
      return new Map(explanations.map(({ attributions }, i) => [rows[i] ?? -1, attributions]));
    } catch (error) {
      onUnexplained(model, 'failed', rows.length, error);
      return new Map();
    }
  }
}
