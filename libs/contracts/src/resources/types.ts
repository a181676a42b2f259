import type { BatchSpec } from './batch-types.ts';
import type { ExplorationRule, ModelSpec, OnDemandFeature, RequestField } from './model-types.ts';
import type { MonitorSpec } from './monitor-types.ts';
import type { WindowSpec } from './window-types.ts';

export { datasetCheckDefaults, hasNumericLabel } from './model-types.ts';
export type * from './model-types.ts';
export { monitorDefaults } from './monitor-types.ts';
export type * from './monitor-types.ts';

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
