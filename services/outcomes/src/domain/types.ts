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
  /** Probability of label 1, or the predicted number. */
  readonly score: number;
  /** The version was drawn and answered as drawn. */
  readonly learn: boolean;
  /** Decision of the answer to the same row: its own id, but of a shadow. Labels name answers. */
  readonly answerId: string;
  /** Names of the Model's slices that it was in when it was read. */
  readonly slices: readonly string[];
}

/** What became of a thing that was predicted. */
export interface Label {
  /** What `key` is: a join key, or a decision id. */
  readonly by: 'key' | 'decision';
  readonly key: string;
  /** 0 or 1, or the number that it is of. */
  readonly label: number;
  /** Event time of the label's record, epoch milliseconds UTC. */
  readonly labelledAtMs: number;
}

/** What a prediction came to. */
export type Ending =
  | { readonly kind: 'labelled'; readonly label: number; readonly labelledAtMs: number }
  /** The wait is over, and the Model says what that means. */
  | { readonly kind: 'defaulted'; readonly label: number }
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

/** A prediction with what it came to so far. */
export interface Held {
  readonly prediction: Prediction;
  /** Null while it waits. */
  ending: Ending | null;
  /** How many endings it had. */
  endings: number;
}

/** Labels of one join key or decision. */
export interface LabelEntry {
  /** In the order of the label topic. */
  readonly labels: readonly Label[];
  /** Whether a prediction has met them. */
  readonly used: boolean;
}

/** Facts that are counted. */
export type Fact =
  | 'duplicate_prediction'
  | 'duplicate_label'
  | 'label_without_prediction'
  | 'late_label'
  | 'labels_per_key_exceeded'
  | 'corrected';

/** What one batch or watermark changed; null means removed. */
export interface Changes {
  /** Predictions that were read for the first time. */
  readonly read: Prediction[];
  readonly settled: Settled[];
  /** By decision id. */
  readonly held: Map<string, Held | null>;
  /** By `lookupOf`. */
  readonly labels: Map<string, LabelEntry | null>;
  readonly facts: Map<Fact, number>;
}

export function noChanges(): Changes {
  return { read: [], settled: [], held: new Map(), labels: new Map(), facts: new Map() };
}
