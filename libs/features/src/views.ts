import type { FeatureViewSpec, FieldType, SourceSpec, TypedResource } from '@everloop/contracts';

import { FeatureError } from './error.ts';
import { entityKey, scalarOf, timestampMs, type EventFields, type FeatureScalar } from './values.ts';

export interface ViewFeature {
  readonly name: string;
  readonly type: 'number' | 'string';
  /** Index in `CompiledView.columns`; -1 for a count of all events. */
  readonly column: number;
  readonly function: 'newest' | 'count' | 'sum' | 'mean';
  /** Length of the window, milliseconds; 0 for `newest`. */
  readonly windowMs: number;
}

/** A feature view together with what its source says about its columns; everything a row codec needs. */
export interface CompiledView {
  readonly name: string;
  readonly kind: 'aggregate' | 'columns';
  readonly source: string;
  readonly topic: string;
  readonly partitions: number;
  readonly entity: string;
  readonly entityType: FieldType;
  /** True when the entity is the Kafka key, so that one partition holds everything about it. */
  readonly keyed: boolean;
  readonly eventTime: string;
  /** Field with the time at which a record became known; null: the record's own. */
  readonly createdTime: string | null;
  readonly columns: readonly { readonly name: string; readonly type: FieldType }[];
  readonly features: readonly ViewFeature[];
  readonly hopMs: number;
  readonly ttlMs: number;
  readonly readBehindMs: number;
  readonly longestWindowMs: number;
  /** Changes with whatever decides what a stored row holds; 32 bits. */
  readonly fingerprint: number;
}

/** One event as a view sees it. */
export interface ViewEvent {
  readonly key: string;
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
}

/** Sorts resources into a catalog; of several revisions of one name the last one counts. */
export function catalogOf(resources: Iterable<TypedResource>): Catalog {
  const sources = new Map<string, SourceSpec>();
  const views = new Map<string, FeatureViewSpec>();
  for (const resource of resources) {
    if (resource.kind === 'Source') sources.set(resource.name, resource.spec);
    if (resource.kind === 'FeatureView') views.set(resource.name, resource.spec);
  }
  return { sources, views };
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

function featuresOf(spec: FeatureViewSpec, columns: readonly { name: string; type: FieldType }[]): ViewFeature[] {
  if (spec.aggregations.length === 0) {
    return columns.map((column, index) => ({
      name: column.name,
      type: column.type === 'string' ? 'string' : 'number',
      column: index,
      function: 'newest',
      windowMs: 0,
    }));
  }
  return spec.aggregations.map((aggregation) => ({
    name: aggregation.name,
    type: 'number',
    column: columns.findIndex((column) => column.name === aggregation.column),
    function: aggregation.function,
    windowMs: aggregation.windowMs,
  }));
}

/** Checks a view against its source: EVL_FEATURES_COLUMN_UNKNOWN, EVL_FEATURES_COLUMN_TYPE, EVL_FEATURES_VIEW_INVALID. */
export function compileView(name: string, spec: FeatureViewSpec, source: SourceSpec): CompiledView {
  const kind = spec.aggregations.length > 0 ? 'aggregate' : 'columns';
  if (kind === 'aggregate' && (spec.columns.length > 0 || !(spec.hopMs > 0))) {
    throw new FeatureError(
      'EVL_FEATURES_VIEW_INVALID',
      `FeatureView ${name}: give columns or aggregations, not both, and aggregations a hop above zero`,
    );
  }
  const used = spec.aggregations.flatMap((aggregation) => aggregation.column ?? []);
  const names = kind === 'columns' ? spec.columns : [...new Set(used)].sort();
  const columns = names.map((column) => ({ name: column, type: fieldType(name, source, spec.source, column) }));
  for (const column of kind === 'aggregate' ? columns : []) {
    if (column.type === 'string') {
      throw new FeatureError(
        'EVL_FEATURES_COLUMN_TYPE',
        `FeatureView ${name}: "${column.name}" is text and cannot be summed`,
      );
    }
  }
  for (const aggregation of spec.aggregations) {
    if (aggregation.function !== 'count' && aggregation.column === undefined) {
      throw new FeatureError('EVL_FEATURES_VIEW_INVALID', `FeatureView ${name}: ${aggregation.name} needs a column`);
    }
  }
  const longestWindowMs = Math.max(0, ...spec.aggregations.map((aggregation) => aggregation.windowMs));
  const entityType = fieldType(name, source, spec.source, spec.entity);
  const times = [source.eventTime, source.createdTime ?? null];
  const content = [kind, source.topic, spec.entity, columns, times, spec.hopMs, spec.readBehindMs, longestWindowMs];
  return {
    name,
    kind,
    source: spec.source,
    topic: source.topic,
    partitions: source.partitions,
    entity: spec.entity,
    entityType,
    keyed: spec.entity === source.key,
    eventTime: source.eventTime,
    createdTime: source.createdTime ?? null,
    columns,
    features: featuresOf(spec, columns),
    hopMs: spec.hopMs,
    ttlMs: spec.ttlMs,
    readBehindMs: spec.readBehindMs,
    longestWindowMs,
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

/** What a decoded record says to a view; null when it has no entity key or no event time. */
export function viewEvent(view: CompiledView, fields: EventFields, place: RecordPlace): ViewEvent | null {
  const key = entityKey(scalarOf(view.entityType, fields[view.entity]));
  const timeMs = timestampMs(fields[view.eventTime]);
  if (key === null || timeMs === null) return null;
  return {
    key,
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
