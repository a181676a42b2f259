import {
  entityFields,
  type AggregateFeature,
  type AggregateFunction,
  type FeatureServiceSpec,
  type FeatureViewSpec,
  type FieldType,
  type SourceSpec,
  type TypedResource,
} from '@everloop/contracts';

import { FeatureError } from './error.ts';
import { entityKey, scalarOf, storageType, timestampMs, type EventFields, type FeatureScalar } from './values.ts';

export interface ViewFeature {
  readonly name: string;
  readonly type: 'number' | 'string';
  /** Whether the value is a list: `lastK`. Where a scalar is needed it is its JSON text, and the type is string. */
  readonly list: boolean;
  /** Index in `CompiledView.columns`; -1 for a count of all events. */
  readonly column: number;
  readonly function: 'newest' | AggregateFunction;
  /** Length of the window, milliseconds; 0 for `newest`. */
  readonly windowMs: number;
  /** `lastK`: how many values at most; else 0. */
  readonly k: number;
  /** `quantile`: which, between 0 and 1; else 0. */
  readonly quantile: number;
}

/** What an aggregating view keeps of a column beside the number of values. */
export interface Kept {
  readonly sums: boolean;
  readonly squares: boolean;
  readonly range: boolean;
  /** How many of the newest values; 0 none. */
  readonly last: number;
  readonly distinct: boolean;
  readonly buckets: boolean;
}

export interface ViewColumn {
  readonly name: string;
  readonly type: FieldType;
  readonly kept: Kept;
}

/** A feature view together with what its source says about its columns; everything a row codec needs. */
export interface CompiledView {
  readonly name: string;
  readonly kind: 'aggregate' | 'columns';
  readonly source: string;
  readonly topic: string;
  readonly partitions: number;
  /** The fields that together are the entity's key, in order. */
  readonly entity: readonly { readonly name: string; readonly type: FieldType }[];
  /** Index in `entity` of the field that is the Kafka key, so that one partition holds everything about an entity; -1 if none is. */
  readonly keyIndex: number;
  readonly eventTime: string;
  /** Field with the time at which a record became known; null: the record's own. */
  readonly createdTime: string | null;
  readonly columns: readonly ViewColumn[];
  readonly features: readonly ViewFeature[];
  readonly hopMs: number;
  readonly ttlMs: number;
  readonly readBehindMs: number;
  readonly longestWindowMs: number;
  /** By source partition, what stands before the entity's key in the keys of its rows. */
  readonly rowPrefixes: readonly string[];
  /** Changes with whatever decides what a stored row holds; 32 bits. */
  readonly fingerprint: number;
}

/** One event as a view sees it. */
export interface ViewEvent {
  /** See `entityKey`. */
  readonly key: string;
  /** Text of the entity's field that is the Kafka key; null where none is. */
  readonly kafkaKey: string | null;
  readonly timeMs: number;
  /** When it became known, epoch milliseconds; at least `timeMs`. */
  readonly knownMs: number;
  readonly offset: number;
  /** Parallel to `CompiledView.columns`. */
  readonly values: readonly FeatureScalar[];
}

/** The definitions that a set of resources holds, by name. */
export interface Catalog {
  readonly sources: ReadonlyMap<string, SourceSpec>;
  readonly views: ReadonlyMap<string, FeatureViewSpec>;
  /** By `<name>@<version>`; may be left out where no model pins one. */
  readonly services?: ReadonlyMap<string, FeatureServiceSpec>;
}

/** Sorts resources into a catalog; of several revisions of one name the last one counts. */
export function catalogOf(resources: Iterable<TypedResource>): Catalog {
  const sources = new Map<string, SourceSpec>();
  const views = new Map<string, FeatureViewSpec>();
  const services = new Map<string, FeatureServiceSpec>();
  for (const resource of resources) {
    if (resource.kind === 'Source') sources.set(resource.name, resource.spec);
    if (resource.kind === 'FeatureView') views.set(resource.name, resource.spec);
    if (resource.kind === 'FeatureService') services.set(resource.name, resource.spec);
  }
  return { sources, views, services };
}

function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}

function fieldType(name: string, source: SourceSpec, sourceName: string, field: string): FieldType {
  const contract = source.fields[field];
  if (contract === undefined) {
    throw new FeatureError(
      'EVL_FEATURES_COLUMN_UNKNOWN',
      `FeatureView ${name}: Source ${sourceName} has no field "${field}"; it has ${Object.keys(source.fields).join(', ')}`,
    );
  }
  return contract.type;
}

const noneKept: Kept = { sums: false, squares: false, range: false, last: 0, distinct: false, buckets: false };

/** Whether an aggregation is of numbers only. */
function isNumeric(name: AggregateFunction): boolean {
  return name !== 'count' && name !== 'last' && name !== 'lastK' && name !== 'approxDistinct';
}

/** What has to be kept of a column for some aggregations. */
export function keptFor(features: readonly Pick<ViewFeature, 'function' | 'k'>[]): Kept {
  const uses = (...names: readonly ViewFeature['function'][]): boolean =>
    features.some((feature) => names.includes(feature.function));
  return {
    sums: uses('sum', 'mean', 'std'),
    squares: uses('std'),
    range: uses('min', 'max'),
    last: Math.max(0, ...features.map((f) => (f.function === 'lastK' ? f.k : f.function === 'last' ? 1 : 0))),
    distinct: uses('approxDistinct'),
    buckets: uses('quantile'),
  };
}

function newestFeature(name: string, type: FieldType, index: number): ViewFeature {
  const value = storageType(type);
  return { name, type: value, list: false, column: index, function: 'newest', windowMs: 0, k: 0, quantile: 0 };
}

function aggregateFeature(aggregation: AggregateFeature, columns: readonly { name: string; type: FieldType }[]) {
  const column = columns.findIndex(({ name }) => name === aggregation.column);
  const isList = aggregation.function === 'lastK';
  return {
    name: aggregation.name,
    type: isList
      ? 'string'
      : aggregation.function === 'last'
        ? storageType(columns[column]?.type ?? 'number')
        : 'number',
    list: isList,
    column,
    function: aggregation.function,
    windowMs: aggregation.windowMs,
    k: aggregation.k ?? 0,
    quantile: aggregation.quantile ?? 0,
  } satisfies ViewFeature;
}

function invalidView(name: string, message: string): FeatureError {
  return new FeatureError('EVL_FEATURES_VIEW_INVALID', `FeatureView ${name}: ${message}`);
}

function checkAggregation(view: string, aggregation: AggregateFeature, type: FieldType | undefined): void {
  const { name, function: how, column, k, quantile } = aggregation;
  if (how !== 'count' && column === undefined) throw invalidView(view, `${name} needs a column`);
  if (how === 'lastK' && !(k !== undefined && Number.isInteger(k) && k >= 1 && k <= 100))
    throw invalidView(view, `${name} needs k, from 1 to 100`);
  if (how === 'quantile' && !(quantile !== undefined && quantile >= 0 && quantile <= 1))
    throw invalidView(view, `${name} needs quantile, from 0 to 1`);
  if (type !== undefined && storageType(type) === 'string' && isNumeric(how)) {
    throw new FeatureError('EVL_FEATURES_COLUMN_TYPE', `FeatureView ${view}: "${column}" is text and has no ${how}`);
  }
}

/** Checks a view against its source: EVL_FEATURES_COLUMN_UNKNOWN, EVL_FEATURES_COLUMN_TYPE, EVL_FEATURES_VIEW_INVALID. */
export function compileView(name: string, spec: FeatureViewSpec, source: SourceSpec): CompiledView {
  const kind = spec.aggregations.length > 0 ? 'aggregate' : 'columns';
  if (kind === 'aggregate' && (spec.columns.length > 0 || !(spec.hopMs > 0)))
    throw invalidView(name, 'give columns or aggregations, not both, and aggregations a hop above zero');
  const typed = (field: string): { name: string; type: FieldType } => ({
    name: field,
    type: fieldType(name, source, spec.source, field),
  });
  const used = spec.aggregations.flatMap((aggregation) => aggregation.column ?? []);
  const named = (kind === 'columns' ? spec.columns : [...new Set(used)].sort()).map(typed);
  for (const aggregation of spec.aggregations)
    checkAggregation(name, aggregation, named.find((column) => column.name === aggregation.column)?.type);
  const features =
    kind === 'columns'
      ? named.map((column, index) => newestFeature(column.name, column.type, index))
      : spec.aggregations.map((aggregation) => aggregateFeature(aggregation, named));
  const columns = named.map((column, index) => ({
    ...column,
    kept: kind === 'columns' ? noneKept : keptFor(features.filter((feature) => feature.column === index)),
  }));
  const longestWindowMs = Math.max(0, ...spec.aggregations.map((aggregation) => aggregation.windowMs));
  const entity = entityFields(spec).map(typed);
  const times = [source.eventTime, source.createdTime ?? null];
  const content = [kind, source.topic, entity, columns, times, spec.hopMs, spec.readBehindMs, longestWindowMs];
  return {
    name,
    kind,
    source: spec.source,
    topic: source.topic,
    partitions: source.partitions,
    entity,
    keyIndex: entity.findIndex((field) => field.name === source.key),
    eventTime: source.eventTime,
    createdTime: source.createdTime ?? null,
    columns,
    features,
    hopMs: spec.hopMs,
    ttlMs: spec.ttlMs,
    readBehindMs: spec.readBehindMs,
    longestWindowMs,
    rowPrefixes: Array.from({ length: source.partitions }, (_, partition) => rowKey(name, partition, '')),
    fingerprint: fnv1a(JSON.stringify(content)),
  };
}

/** Compiles one view of a catalog; EVL_FEATURES_VIEW_UNKNOWN or EVL_FEATURES_SOURCE_UNKNOWN when it or its source is absent. */
export function compileFromCatalog(name: string, catalog: Catalog): CompiledView {
  const spec = catalog.views.get(name);
  if (spec === undefined)
    throw new FeatureError('EVL_FEATURES_VIEW_UNKNOWN', `There is no FeatureView "${name}": apply it`);
  const source = catalog.sources.get(spec.source);
  if (source === undefined) {
    throw new FeatureError(
      'EVL_FEATURES_SOURCE_UNKNOWN',
      `FeatureView ${name}: there is no Source "${spec.source}": apply it`,
    );
  }
  return compileView(name, spec, source);
}

/** Where a record stands in its log. */
export interface RecordPlace {
  readonly offset: number;
  /** When the record became known by its header `evl-known`, or else when it was written; epoch milliseconds. */
  readonly recordedMs: number;
}

/** Header with the time at which a record's fact became known, epoch milliseconds; written by connectors of batch sources. */
export const knownHeader = 'evl-known';

/** `RecordPlace.recordedMs` of a Kafka record. */
export function recordedMs(record: {
  readonly headers: Readonly<Record<string, string>>;
  readonly timestampMs: number;
}): number {
  const told = record.headers[knownHeader];
  const known = told === undefined || told === '' ? Number.NaN : Number(told);
  return Number.isSafeInteger(known) ? known : record.timestampMs;
}

/**
 * When a fact became known, epoch milliseconds: by the Source's `createdTime` field where it has one, else by the record; never
 * before it happened, since a read as of a moment would otherwise see the future.
 */
export function knownMs(
  createdTime: string | null,
  fields: EventFields,
  timeMs: number,
  place: Pick<RecordPlace, 'recordedMs'>,
): number {
  const told = createdTime === null ? null : timestampMs(fields[createdTime]);
  return Math.max(timeMs, told ?? place.recordedMs);
}

/** What a decoded record says to a view; null when it has no event time, or a part of the entity's key is missing. */
export function viewEvent(view: CompiledView, fields: EventFields, place: RecordPlace): ViewEvent | null {
  const parts = view.entity.map(({ name, type }) => scalarOf(type, fields[name]));
  const key = entityKey(parts);
  const timeMs = timestampMs(fields[view.eventTime]);
  if (key === null || timeMs === null) return null;
  return {
    key,
    kafkaKey: view.keyIndex < 0 ? null : String(parts[view.keyIndex]),
    timeMs,
    knownMs: knownMs(view.createdTime, fields, timeMs, place),
    offset: place.offset,
    values: view.columns.map((column) => scalarOf(column.type, fields[column.name])),
  };
}

/** Key of an online row: everything that one source partition says about one entity. */
export function rowKey(view: string, partition: number, key: string): string {
  return `evl:f:${view}:${partition}:${key}`;
}

/** Key that holds how far a source partition is applied to the online rows. */
export function positionKey(topic: string, partition: number): string {
  return `evl:fo:${topic}:${partition}`;
}
