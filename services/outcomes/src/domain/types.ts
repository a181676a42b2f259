/** One prediction that waits for its label, or has met it. */
export interface Prediction {
  readonly decisionId: string;
  readonly model: string;
  readonly modelVersion: string;
  readonly championVersion: string;
  /** `champion`, `canary` or `shadow`. */
  readonly arm: string;
  readonly joinKey: string;
  /** Event time of the request, epoch milliseconds UTC. */
  readonly predictedAtMs: number;
  /** Probability of label 1. */
  readonly score: number;
  /** The version was drawn and answered as drawn. */
  readonly learn: boolean;
  /** Names of the Model's slices that it was in when it was read. */
  readonly slices: readonly string[];
}

/** What became of a thing that was predicted. */
export interface Label {
  readonly joinKey: string;
  readonly label: 0 | 1;
  /** Event time of the label's record, epoch milliseconds UTC. */
  readonly labelledAtMs: number;
}

/** What a prediction came to. */
export type Ending =
  | { readonly kind: 'labelled'; readonly label: 0 | 1; readonly labelledAtMs: number }
  /** The wait is over, and the Model says what that means. */
  | { readonly kind: 'defaulted'; readonly label: 0 | 1 }
  | { readonly kind: 'expired' };

/** A prediction that came to an end, or to another one than before. */
export interface Settled {
  readonly prediction: Prediction;
  readonly ending: Ending;
  /** The ending that this one replaces. */
  readonly replaces: Ending | null;
  /** How many endings it had before. */
  readonly revision: number;
}

/** What is kept about one join key once a label for it was seen. */
export interface LabelEntry {
  /** In the order of the label topic; the first one that is near enough in time counts. */
  readonly labels: readonly Label[];
  /** Decision ids that were settled by them, with the event time of the prediction, so that a repeat is recognised. */
  readonly settled: ReadonlyMap<string, number>;
}

/** Facts that are counted. */
export type Fact =
  'duplicate_prediction' | 'duplicate_label' | 'label_without_prediction' | 'late_label' | 'labels_per_key_exceeded';

/** What one batch or watermark changed; null means removed. */
export interface Changes {
  /** Predictions that were read for the first time. */
  readonly read: Prediction[];
  readonly settled: Settled[];
  readonly pending: Map<string, Prediction | null>;
  readonly labels: Map<string, LabelEntry | null>;
  readonly facts: Map<Fact, number>;
}

export function noChanges(): Changes {
  return { read: [], settled: [], pending: new Map(), labels: new Map(), facts: new Map() };
}
