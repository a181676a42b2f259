import {
  pinnedService,
  resourceKey,
  toWire,
  validTopic,
  type ModelSpec,
  type SourceSpec,
  type TypedResource,
} from '@everloop/contracts';
import {
  catalogOf,
  compileFromCatalog,
  storageType,
  type Catalog,
  type CompiledView,
  type LookupPlan,
} from '@everloop/features';

import type { HistoryTable } from '../ports.ts';

/** What is done with the records of one topic. */
export interface TopicWork {
  readonly topic: string;
  readonly source: SourceSpec;
  readonly views: readonly CompiledView[];
  readonly table: HistoryTable;
  /** Changes when the online rows of this topic have to be made anew from the beginning. */
  readonly fingerprint: string;
}

/** Everything that follows from the applied resources. */
export interface Topology {
  readonly catalog: Catalog;
  readonly models: ReadonlyMap<string, ModelSpec>;
  /** Revision and digest of every resource, by `<kind>/<name>`. */
  readonly definitions: ReadonlyMap<string, { readonly revision: number; readonly digest: string }>;
  /** Every resource, by the same. */
  readonly resources: ReadonlyMap<string, TypedResource>;
  /** By topic. */
  readonly work: ReadonlyMap<string, TopicWork>;
  /** What cannot work yet, and why; for the log. */
  readonly waiting: readonly string[];
  /** Equal for topologies that mean the same work. */
  readonly identity: string;
}

function tableOf(name: string, source: SourceSpec): HistoryTable {
  const fields = Object.entries(source.fields).map(([field, contract]) => ({
    name: field,
    type: storageType(contract.type),
  }));
  return {
    source: name,
    topic: validTopic(source.topic),
    partitions: source.partitions,
    fields: fields.sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

function fingerprintOf(views: readonly CompiledView[]): string {
  return views
    .map((view) => `${view.name}:${view.fingerprint.toString(16)}`)
    .sort()
    .join(',');
}

/** The resources that decide what a model's training set holds: itself, the service that it pins, the views that it reads, and all their sources. */
export function definitionsOf(topology: Topology, model: string, plan: LookupPlan): readonly TypedResource[] {
  const spec = topology.models.get(model);
  const views = plan.bindings.map(({ view }) => view);
  const sources = [spec?.examples.source, spec?.label.source, ...views.map(({ source }) => source)];
  const service = spec === undefined ? null : pinnedService(spec);
  const keys = new Set([
    ...(service === null ? [] : [`FeatureService/${service}`]),
    `Model/${model}`,
    ...views.map(({ name }) => `FeatureView/${name}`),
    ...sources.flatMap((source) => (source === undefined ? [] : [`Source/${source}`])),
  ]);
  return [...keys].sort().flatMap((key) => topology.resources.get(key) ?? []);
}

/** Works out which topics are read and for what: sources of feature views, of examples and of labels. */
export function topologyOf(resources: Iterable<TypedResource>): Topology {
  const all = [...resources];
  const catalog = catalogOf(all);
  const models = new Map<string, ModelSpec>();
  for (const resource of all) if (resource.kind === 'Model') models.set(resource.name, resource.spec);
  const waiting: string[] = [];
  const viewsBySource = new Map<string, CompiledView[]>();
  for (const name of [...catalog.views.keys()].sort()) {
    try {
      const view = compileFromCatalog(name, catalog);
      viewsBySource.set(view.source, [...(viewsBySource.get(view.source) ?? []), view]);
    } catch (error) {
      waiting.push(error instanceof Error ? error.message : String(error));
    }
  }
  const needed = new Set(viewsBySource.keys());
  for (const spec of models.values()) needed.add(spec.examples.source).add(spec.label.source);
  const work = new Map<string, TopicWork>();
  for (const name of [...needed].sort()) {
    const source = catalog.sources.get(name);
    if (source === undefined) {
      waiting.push(`There is no Source "${name}" yet`);
      continue;
    }
    const views = viewsBySource.get(name) ?? [];
    const table = tableOf(name, source);
    work.set(table.topic, { topic: table.topic, source, views, table, fingerprint: fingerprintOf(views) });
  }
  const identity = JSON.stringify(
    [...work.values()].map(({ table, fingerprint, source }) => [
      table,
      fingerprint,
      source.eventTime,
      source.createdTime,
      source.format,
      source.schemaRegistry,
    ]),
  );
  const byKey = new Map(all.map((resource) => [resourceKey(resource), resource]));
  const digested = all.map((resource) => {
    const { revision, digest } = toWire(resource);
    return [resourceKey(resource), { revision, digest }] as const;
  });
  return { catalog, models, definitions: new Map(digested), resources: byKey, work, waiting, identity };
}

/**
 * How long the history of each topic with a retention is kept, milliseconds of event time before its newest event: what the Source
 * says, but never less than its views and the models that train on it still need.
 */
export function retentionBounds(topology: Topology): ReadonlyMap<string, number> {
  const bounds = new Map<string, number>();
  for (const { topic, source, views, table } of topology.work.values()) {
    if (source.retentionMs === undefined) continue;
    const windows = views.map(
      ({ ttlMs, longestWindowMs, readBehindMs, hopMs }) => Math.max(ttlMs, longestWindowMs + hopMs) + readBehindMs,
    );
    const names = new Set(views.map(({ name }) => name));
    const trainings = [...topology.models.values()]
      .filter(
        (model) =>
          [model.examples.source, model.label.source].includes(table.source) ||
          model.views.some(({ view }) => names.has(view)),
      )
      .map((model) => model.training.windowMs + model.label.waitMs);
    const needed = Math.max(0, ...windows) + Math.max(0, ...trainings);
    bounds.set(topic, Math.max(source.retentionMs, needed));
  }
  return bounds;
}
