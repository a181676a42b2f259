import type { LogSpec } from '../inclusion.ts';

/** What the gate does with a bad value: refuse the call, keep the value and say so, let the model see a missing value, or use the field's default. */
export type GateAction = 'reject' | 'flag' | 'impute' | 'default';

/** What can be wrong with a value in a request whose shape and type are right. */
export type GateProblem = 'missing' | 'notFinite' | 'outOfRange' | 'unseen';

/** What the gate does with each problem; `flag` is for problems that leave a value to keep. */
export interface GatePolicy {
  readonly missing: Exclude<GateAction, 'flag'>;
  readonly notFinite: Exclude<GateAction, 'flag'>;
  readonly outOfRange: GateAction;
  readonly unseen: GateAction;
}

export interface RequestField {
  readonly name: string;
  readonly type: 'string' | 'number';
}

/** A request field of a Model, with what is asked of its values. */
export interface GatedField extends RequestField {
  /** Range of a number, ends included. */
  readonly min?: number;
  readonly max?: number;
  /** Every value that is known, another one is unseen; `training`: those that the serving version was trained with, see `trainedFields`. */
  readonly values?: readonly (string | number)[] | 'training';
  readonly default?: string | number;
  /** Where this field's policy differs from the model's. */
  readonly gate?: Partial<GatePolicy>;
}

export interface ViewBinding {
  readonly view: string;
  /** Where each field of the entity's key comes from: `request.<field>` or `<earlier view>.<feature>`; see `bindingKeys`. */
  readonly key: string | readonly string[];
}

export interface ModelInput {
  readonly name: string;
  readonly type: 'number' | 'category';
  /** `request.<field>`, `<view>.<feature>` or `onDemand.<name>`. */
  readonly from: string;
  /** A category that is free text: Monitors watch what it is like, not which of the texts it is. */
  readonly text?: boolean;
  /** Stands in while the online store cannot be reached. */
  readonly fallback?: number | string;
}

/** Number inputs that are one vector: Monitors watch where it lies, not each of its numbers. */
export interface ModelEmbedding {
  readonly name: string;
  readonly inputs: readonly string[];
  /** Principal components that are watched one by one; at most one less than the inputs. */
  readonly components: number;
}

/** What a finding of a dataset check does. */
export type CheckAction = 'off' | 'warn' | 'fail';

/** Checks of a training set. A `fail` stops the training. */
export interface DatasetChecks {
  /** Equal rows, or equal join keys, on both sides of a split; more than `maxDuplicatePercent` of the held-out rows is a finding. */
  readonly duplicates: CheckAction;
  readonly maxDuplicatePercent: number;
  /** A unit of a split by group or entity on both sides. */
  readonly groupLeak: CheckAction;
  /** One input alone tells the label: AUC above `maxAuc`, or more than `maxInformation` of the label's entropy. */
  readonly targetLeak: CheckAction;
  readonly maxAuc: number;
  /** Mutual information of one input and the label, as a share of the label's entropy. */
  readonly maxInformation: number;
  /** The label itself is an input. */
  readonly labelInput: CheckAction;
  /** Training rows that are not before the rows of the time holdout. */
  readonly timeOverlap: CheckAction;
  /** Values that change when everything after the prediction time is taken away; `sampledRows` rows are made again. */
  readonly futureData: CheckAction;
  readonly sampledRows: number;
}

/** What is checked where a Model does not say; equal to the defaults of its schema. */
export const datasetCheckDefaults: DatasetChecks = {
  duplicates: 'fail',
  maxDuplicatePercent: 1,
  groupLeak: 'fail',
  targetLeak: 'fail',
  maxAuc: 0.98,
  maxInformation: 0.9,
  labelInput: 'fail',
  timeOverlap: 'fail',
  futureData: 'fail',
  sampledRows: 60,
};

/** How a model chooses among actions by their scores. */
export interface ChooseSpec extends Omit<ExplorationRule, 'policy' | 'versions'> {
  /** Input that is the action; it comes from a request field, see `askedFields`. */
  readonly input: string;
  readonly actions: readonly (string | number)[];
}

/** What the decisions of a model are worth. */
export interface RewardSpec {
  /** How long after a decision its rewards count. */
  readonly waitMs: number;
  /** Reward of a decision that got none in time. */
  readonly default: number;
  readonly aggregate: 'earliest' | 'sum';
  /** Range of a reward, and of what a decision is worth. */
  readonly min: number;
  readonly max: number;
}

/** How long requests to a model wait for others. */
export interface BatchingSpec {
  /** A batch of so many rows runs at once. */
  readonly maxRows: number;
  /** Longest wait for others. */
  readonly maxDelayMs: number;
}

/** A part of a model's predictions. */
export interface SliceSpec {
  readonly name: string;
  /** CEL over `input.<name>` and `request.<field>`; see `compileSlices`. */
  readonly cel: string;
}

export interface ModelSpec {
  /** Fields of an example; a request carries those that `askedFields` says. */
  readonly request: readonly GatedField[];
  /** Request field that joins a prediction with its label. */
  readonly joinKey: string;
  /** What is done with bad values in requests; absent: the call is refused. */
  readonly gate?: GatePolicy;
  readonly choose?: ChooseSpec;
  /** Decisions wait for rewards, and arms are judged by them; absent: by labels. */
  readonly rewards?: RewardSpec;
  /** Requests wait for each other, to run together; absent: only what waits anyway runs together. */
  readonly batching?: BatchingSpec;
  /** Which predictions are logged; absent: all. */
  readonly log?: LogSpec;
  /** Training examples: one per record of `source`, request fields of the same names; as of `time` + `offsetMs`. */
  readonly examples: { readonly source: string; readonly time: string; readonly offsetMs: number };
  /** The FeatureService whose features are used, and no others; see `pinnedService`. */
  readonly features?: { readonly service: string; readonly version: number };
  readonly views: readonly ViewBinding[];
  /** Of this model alone; those of its service come in addition. */
  readonly onDemand?: readonly OnDemandFeature[];
  readonly inputs: readonly ModelInput[];
  readonly embeddings?: readonly ModelEmbedding[];
  /** The label is 1 where `field` > `above`, else 0; without `above` it is the number itself. */
  readonly label: {
    readonly source: string;
    readonly key: string;
    readonly field: string;
    readonly above?: number;
    readonly waitMs: number;
    /** Field of the source with a decision id: a label that has one is about that decision alone, and counts before those of its key. */
    readonly by?: string;
    /** How long after the wait a label still replaces what the prediction came to without it; absent: not at all. */
    readonly lateMs?: number;
    /** Which of several labels counts, by event time; absent: the first. */
    readonly conflict?: 'first' | 'last';
    /** Label of a prediction whose wait is over without one; absent: it has none. */
    readonly default?: number;
  };
  /** Parts of the predictions whose quality is told apart; they may overlap. */
  readonly slices?: readonly SliceSpec[];
  readonly training: {
    readonly recipe: string;
    readonly parameters: Readonly<Record<string, number>>;
    readonly seed: number;
    /** Fewest labelled rows to train on. */
    readonly minRows: number;
    /** Only examples of this long before the training time. */
    readonly windowMs: number;
    /** The newest part of the window, kept from training: recent outcomes. */
    readonly timeHoldoutMs: number;
    /** Share of all examples, by hash of the join key, that no training ever sees. Percent. */
    readonly fixedHoldoutPercent: number;
    readonly fixedHoldoutSalt: string;
    readonly timeoutMs: number;
    /** How the rows before the time holdout are divided; absent: the recipe chooses its validation rows itself. */
    readonly split?: {
      /** `time` cuts at a moment; `group` and `entity` hash a unit, so that all of its rows are on one side. */
      readonly by: 'time' | 'group' | 'entity';
      /** Field of the examples' source that is hashed; absent: the join key. */
      readonly column?: string;
      readonly validationPercent: number;
      readonly testPercent: number;
      readonly salt: string;
      /** Split by time: rows that lie less than this before a cut are not used. */
      readonly gapMs: number;
      /** Split by group or entity: the time holdout keeps only units that were not trained on. */
      readonly strict: boolean;
    };
  };
  /** What each training set must show before it trains; absent: the defaults. */
  readonly checks?: DatasetChecks;
  readonly gates: {
    /** Fewest rows in each holdout; fewer is inconclusive. */
    readonly minRows: number;
    readonly minAuc: number;
    /** Champion-challenger on recent outcomes: lower bound of the paired log-loss gain must exceed this, in nats. */
    readonly minRecentGain: number;
    /** Champion-challenger on the fixed holdout: log loss may be worse by at most this, in nats. */
    readonly maxFixedLoss: number;
    /** One-sided confidence of the bounds, for example 0.95. */
    readonly confidence: number;
  };
}

/** A feature that is computed from others, and from the question, when it is asked for. */
export interface OnDemandFeature {
  readonly name: string;
  readonly type: 'number' | 'integer' | 'string' | 'boolean';
  /** CEL over `request.<field>` and `<view>.<feature>`; see `compileExpression`. */
  readonly cel: string;
  readonly description: string;
}

/** How requests are divided among versions by what those have earned. */
export interface ExplorationRule {
  readonly policy: 'epsilon-greedy' | 'thompson' | 'thompson-gaussian';
  /** Beside the champion. */
  readonly versions: readonly string[];
  readonly epsilon: number;
  readonly floor: number;
  /** Matured decisions after which epsilon is half; 0: it stays. */
  readonly halfAt: number;
  readonly warmUp: number;
}

/** Whether labels are numbers, whose predictions are judged by their errors, and not of two classes. */
export function hasNumericLabel({ above }: Pick<ModelSpec['label'], 'above'>): boolean {
  return above === undefined;
}
