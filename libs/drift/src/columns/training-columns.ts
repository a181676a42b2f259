import type { FieldValue } from '@everloop/stats';

/** An input over the training rows, in the same order for all. */
export interface TrainingColumn {
  readonly name: string;
  readonly type: 'number' | 'category';
  /** A category that is free text: what it says is watched, not which of the texts it is. */
  readonly text?: boolean;
  /** NaN and the empty text are missing. */
  readonly values: ArrayLike<FieldValue>;
}

/** Numbers that are one thing together. */
export interface EmbeddingColumns {
  readonly name: string;
  /** Two or more number inputs. */
  readonly inputs: readonly string[];
  /** Principal components to watch one by one; fewer than the inputs. */
  readonly components: number;
}
