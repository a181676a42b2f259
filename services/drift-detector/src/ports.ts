import type { drift } from '@everloop/contracts';
import type { Baseline, Promised } from '@everloop/drift';
import type { Surroundings } from './domain/surroundings.ts';
import type { Notice } from './domain/alarm.ts';

/** Where baselines are. */
export interface BaselineStore {
  /**
   * The baseline of a model version; null where it has none that can be used (said in the log). Rejects with a retryable error while
   * the registry is away.
   */
  get(model: string, version: string): Promise<Baseline | null>;
}

/** Where the training rows of versions are, in time. */
export interface HistoryStore {
  /**
   * Panes of the training rows on the bins of the version's baseline, in any order; null where the version has none that can be used (said in the
   * log). Rejects with a retryable error while the registry is away.
   */
  get(baseline: Baseline): Promise<readonly drift.Pane[] | null>;
}

/** Somebody outside who is told of alarms. */
export interface AlertTarget {
  /** Short name, for logs and metrics. */
  readonly name: string;
  /**
   * Delivers at least once; repeats are recognised by their labels or ids. Rejects with a retryable error when it was not taken in some tries,
   * with a terminal one when it never will be.
   */
  send(notices: readonly Notice[]): Promise<void>;
}

/** Which promise is asked for. */
export interface PromiseQuery {
  readonly model: string;
  readonly version: string;
  /** Empty: all rows. */
  readonly slice: string;
  readonly metric: 'logLoss' | 'mae';
}

/** What versions promised. */
export interface PromiseStore {
  /**
   * Loss of a model version on rows that it was not fitted to, all of them or those of a slice; null where nobody measured it. Rejects with a retryable error
   * while the registry is away.
   */
  get(query: PromiseQuery): Promise<Promised | null>;
}

/** What other services have said. */
export interface SurroundingsLog {
  /** Everything that was written until now. Rejects with a retryable error while Kafka is away; what was read stays. */
  read(): Promise<Surroundings>;
}
