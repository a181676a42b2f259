import type { LogSpec } from '../inclusion.ts';
import type { WindowSpec } from './window-types.ts';

import type { BatchSpec } from './batch-types.ts';

/** Durations are written `30s`, `15m`, `3h`, `7d` in YAML and are milliseconds after loading. */

export type FieldType = 'string' | 'number' | 'integer' | 'boolean' | 'timestamp' | 'decimal' | 'object' | 'array';

/**
 * Contract of one column. A `timestamp` is RFC 3339 text or epoch milliseconds; a `decimal` is JSON text or a JSON number, compared
 * digit by digit, never as a double.
 */
export interface FieldContract {
  readonly type: FieldType;
  /** Whether the field must be there. */
  readonly required: boolean;
  /** Whether it may be null; not `required` when left out. */
  readonly nullable?: boolean;
  /** Of a number, integer or decimal; inclusive. */
  readonly min?: number;
  readonly max?: number;
  /** Of a string, in characters. */
  readonly minLength?: number;
  readonly maxLength?: number;
  /** RE2 syntax; matched in time linear in the text, so that no value can make it slow. */
  readonly pattern?: string;
  readonly values?: readonly (string | number)[];
  /** Of a decimal: most digits in all, and most after the point. */
  readonly precision?: number;
  readonly scale?: number;
  /** Columns of an object; left out: any. */
  readonly fields?: Readonly<Record<string, FieldContract>>;
  /** Each element of an array; left out: any. */
  readonly items?: FieldContract;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly description?: string;
}

export interface CelRule {
  readonly name: string;
  /** CEL over `record`; the record is valid when it is true. */
  readonly cel: string;
  readonly description?: string;
}

/** No two records of one partition whose event times are less than `withinMs` apart have equal values in all of `fields`. */
export interface UniqueRule {
  readonly fields: readonly string[];
  readonly withinMs: number;
}

/** How values are encoded; all but `json` are Confluent's wire format, with the schema in a registry. */
export type SourceFormat = 'json' | 'avro' | 'json-schema' | 'protobuf';

/** Which readers a new revision of a Source must not break; see `compareSources`. */
export type Compatibility = 'backward' | 'forward' | 'full' | 'none';

export interface SourceSpec {
  readonly topic: string;
  readonly partitions: number;
  readonly format: SourceFormat;
  /** Base URL of the schema registry, for every format but json. */
  readonly schemaRegistry?: string;
  /** Field that is the Kafka key. */
  readonly key: string;
  /** Field with the event time. */
  readonly eventTime: string;
  /** Field with the time at which the fact became known; absent: the record's own timestamp. */
  readonly createdTime?: string;
  readonly allowedLatenessMs: number;
  /** Columns that are not listed, nested ones too; `report` keeps them, counts them and says so. */
  readonly unexpected: 'reject' | 'drop' | 'keep' | 'report';
  /** Against the applied revision, when a changed one is applied. */
  readonly compatibility: Compatibility;
  readonly fields: Readonly<Record<string, FieldContract>>;
  readonly unique: readonly UniqueRule[];
  readonly rules: readonly CelRule[];
  /** How long records stay in the history, by event time before the newest event of the Source; for ever without it. */
  readonly retentionMs?: number;
  /** Rows that the ingest service brings to the topic. */
  readonly batch?: BatchSpec;
  /** What windows of event time must look like. */
  readonly windows?: readonly WindowSpec[];
}

export type AggregateFunction =
  'count' | 'sum' | 'mean' | 'min' | 'max' | 'std' | 'last' | 'lastK' | 'approxDistinct' | 'quantile';

export interface AggregateFeature {
  readonly name: string;
  readonly function: AggregateFunction;
  /** Column that is aggregated; may be absent for count, which then counts records. */
  readonly column?: string;
  readonly windowMs: number;
  /** `lastK`: how many values at most, newest first; 1 to 100. */
  readonly k?: number;
  /** `quantile`: which, from 0 to 1. */
  readonly quantile?: number;
}

export interface FeatureViewSpec {
  readonly source: string;
  /** Field of the source that is the entity's key, or the fields that together are; see `entityFields`. */
  readonly entity: string | readonly string[];
  /** Name of the Entity whose join keys these are. */
  readonly entityRef?: string;
  /** Columns whose newest value is the feature, or none when the view aggregates. */
  readonly columns: readonly string[];
  readonly aggregations: readonly AggregateFeature[];
  /** Aggregations: width of a tile. A window's start is rounded down to it; its end is exact. */
  readonly hopMs: number;
  /** A value older than this is OUTSIDE_MAX_AGE. */
  readonly ttlMs: number;
  /** How far before the newest event a read may ask; raw events are kept for so long. */
  readonly readBehindMs: number;
  readonly description: string;
  readonly owner: string;
}

/** A feature that is computed from others, and from the question, when it is asked for. */
export interface OnDemandFeature {
  readonly name: string;
  readonly type: 'number' | 'integer' | 'string' | 'boolean';
  /** CEL over `request.<field>` and `<view>.<feature>`; see `compileExpression`. */
  readonly cel: string;
  readonly description: string;
}

/** A set of features that models pin; immutable. The name of the resource is `<name>@<version>`. */
export interface FeatureServiceSpec {
  readonly version: number;
  readonly description: string;
  /** No features: all that the view has when the version is applied first. */
  readonly features: readonly { readonly view: string; readonly features: readonly string[] }[];
  /** What on-demand features read of the question itself. */
  readonly request: readonly RequestField[];
  readonly onDemand: readonly OnDemandFeature[];
  /** Digest of the definition of each feature, by `<view>.<feature>`; empty until the registry has applied it. */
  readonly pins: Readonly<Record<string, string>>;
}

/** Something that features are about, by the fields that name one of it. */
export interface EntitySpec {
  readonly keys: readonly {
    readonly name: string;
    readonly type: 'string' | 'integer';
    readonly description: string;
  }[];
  readonly description: string;
  readonly owner: string;
}

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
  /** Every value that is known; another one is unseen. */
  readonly values?: readonly (string | number)[];
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
  /** Stands in while the online store cannot be reached. */
  readonly fallback?: number | string;
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
  /** The label is 1 where `field` > `above`. */
  readonly label: {
    readonly source: string;
    readonly key: string;
    readonly field: string;
    readonly above: number;
    readonly waitMs: number;
  };
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

export interface MonitorSpec {
  readonly model: string;
  readonly windowMs: number;
  /** Inputs to watch, or all with `score`. */
  readonly fields: readonly string[] | 'all';
  readonly minRows: number;
  /** Effect floor. */
  readonly psi: number;
  /** Level of the KS test after Benjamini-Hochberg. */
  readonly significance: number;
  readonly minDriftedFields: number;
  readonly coolDownMs: number;
  readonly retrain: boolean;
}

export interface RolloutSpec {
  readonly model: string;
  /** `canary`: an approved version takes requests step by step. `blue-green`: judged as a shadow, then one switch. */
  readonly strategy: 'canary' | 'blue-green';
  /** Canary steps; after the last one the version is promoted. */
  readonly steps: readonly { readonly weight: number; readonly holdMs: number }[];
  /** Blue-green: event time as a shadow at least, before the switch. */
  readonly bakeMs?: number;
  /** Fewest labelled canary outcomes before a step is judged. */
  readonly minOutcomes: number;
  /** A canary whose log loss is above the champion's by more than this is rolled back, nats. */
  readonly maxLogLossExcess: number;
  /** A canary that cannot be judged for so long is rolled back. */
  readonly maxHoldMs: number;
  /** Keep the first version as a shadow for ever, to show what no retraining would have given. */
  readonly shadowFirst: boolean;
  /** Serves while it is set, whatever was promoted. */
  readonly champion?: string;
  readonly challengers: readonly { readonly version: string; readonly weight: number }[];
  /** The first whose expression holds for every row decides. */
  readonly targets: readonly TargetRule[];
  readonly shadows: readonly { readonly version: string; readonly share: number; readonly tolerance: number }[];
  readonly exploration?: ExplorationRule;
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

/** Requests that go to a version without a draw. */
export interface TargetRule {
  readonly name: string;
  /** Over `record`: the request's fields, and `record.unit`. */
  readonly cel: string;
  readonly version: string;
}

export interface TriggerSpec {
  readonly model: string;
  /** Ask for a training when so many labelled rows have come and there is no version yet. */
  readonly rows: number;
}

export interface ResourceSpecs {
  Source: SourceSpec;
  Entity: EntitySpec;
  FeatureView: FeatureViewSpec;
  FeatureService: FeatureServiceSpec;
  Model: ModelSpec;
  Monitor: MonitorSpec;
  Rollout: RolloutSpec;
  Trigger: TriggerSpec;
}

export type Kind = keyof ResourceSpecs;

/** A resource with its compiled spec: defaults filled in, durations in milliseconds. */
export type TypedResource = {
  [K in Kind]: { readonly kind: K; readonly name: string; readonly revision: number; readonly spec: ResourceSpecs[K] };
}[Kind];
