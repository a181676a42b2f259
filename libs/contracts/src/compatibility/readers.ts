import { celReferences, type CelReference } from '../on-demand/compile.ts';
import { pinnedService, serviceFeatures } from '../resources/feature-services.ts';
import { celName } from '../resources/feature-types.ts';
import { ofKind, resourceKey, type ResourceOf } from '../resources/wire.ts';
import type { TypedResource } from '../resources/types.ts';

/** `FeatureView/<name>`, `FeatureService/<name>@<version>` and `Model/<name>` that read a column of a Source, directly or through views. */
export type ReadersOf = (column: string | null) => readonly string[];

/**
 * Who reads the columns of a Source among these resources: FeatureViews, and Models through the views that they bind, their examples and
 * their label. Without a column: whoever reads the Source at all.
 */
export function readersOf(resources: readonly TypedResource[], source: string): ReadersOf {
  const byColumn = new Map<string, Set<string>>();
  const all = new Set<string>();
  const add = (resource: TypedResource, columns: readonly (string | undefined)[]): void => {
    all.add(resourceKey(resource));
    for (const column of columns) {
      if (column === undefined) continue;
      const readers = byColumn.get(column);
      if (readers === undefined) byColumn.set(column, new Set([resourceKey(resource)]));
      else readers.add(resourceKey(resource));
    }
  };
  const views = new Map(ofKind(resources, 'FeatureView').map((view) => [view.name, view]));
  for (const view of views.values()) if (view.spec.source === source) add(view, columnsOfView(view));
  for (const service of ofKind(resources, 'FeatureService')) {
    const columns = columnsOfService(service, source, views);
    if (columns !== null) add(service, columns);
  }
  for (const model of ofKind(resources, 'Model')) {
    const columns = columnsOfModel(model, source, views, referencesOf(model, resources));
    if (columns !== null) add(model, columns);
  }
  return (column) => [...(column === null ? all : (byColumn.get(column) ?? []))].sort();
}

function columnsOfView({ spec }: ResourceOf<'FeatureView'>): (string | undefined)[] {
  return [...keysOf(spec), ...spec.columns, ...spec.aggregations.map((feature) => feature.column)];
}

function keysOf({ entity }: ResourceOf<'FeatureView'>['spec']): string[] {
  return [entity].flat();
}

/** Columns of the Source behind a service's features; null when it has none of them. */
function columnsOfService(
  { spec }: ResourceOf<'FeatureService'>,
  source: string,
  views: ReadonlyMap<string, ResourceOf<'FeatureView'>>,
): (string | undefined)[] | null {
  const bySource = spec.features
    .flatMap(({ view }) => views.get(view) ?? [])
    .filter((view) => view.spec.source === source);
  if (bySource.length === 0) return null;
  const used = serviceFeatures(spec, new Map(bySource.map((view) => [view.name, view.spec])));
  return bySource.flatMap((view) => [
    ...keysOf(view.spec),
    ...used.flatMap(([name, feature]) => (name === view.name ? columnOfFeature(view, `${name}.${feature}`) : [])),
  ]);
}

/** Columns of the Source that a Model reads; null when it has nothing to do with the Source. */
function columnsOfModel(
  { spec }: ResourceOf<'Model'>,
  source: string,
  views: ReadonlyMap<string, ResourceOf<'FeatureView'>>,
  computed: readonly CelReference[],
): (string | undefined)[] | null {
  const columns: (string | undefined)[] = [];
  let reads = false;
  if (spec.examples.source === source) {
    reads = true;
    columns.push(spec.examples.time, ...spec.request.map((field) => field.name));
  }
  if (spec.label.source === source) {
    reads = true;
    columns.push(spec.label.key, spec.label.field);
  }
  for (const binding of spec.views) {
    const view = views.get(binding.view);
    if (view?.spec.source !== source) continue;
    reads = true;
    const used = [
      ...spec.inputs.map((input) => input.from),
      ...spec.views.flatMap((other) => other.key),
      ...computed.map(({ owner, name }) => (celName(view.name) === owner ? `${view.name}.${name}` : '')),
    ];
    columns.push(...keysOf(view.spec), ...used.flatMap((reference) => columnOfFeature(view, reference)));
  }
  return reads ? columns : null;
}

/** What the on-demand features that a model uses are computed from. */
function referencesOf({ spec }: ResourceOf<'Model'>, resources: readonly TypedResource[]): CelReference[] {
  const pinned = pinnedService(spec);
  const service = ofKind(resources, 'FeatureService').find(({ name }) => name === pinned);
  return [...(spec.onDemand ?? []), ...(service?.spec.onDemand ?? [])]
    .filter(({ name }) => spec.inputs.some(({ from }) => from === `onDemand.${name}`))
    .flatMap(({ cel }) => celReferences(cel));
}

/** The column behind `<view>.<feature>`. */
function columnOfFeature(view: ResourceOf<'FeatureView'>, reference: string): (string | undefined)[] {
  if (!reference.startsWith(`${view.name}.`)) return [];
  const feature = reference.slice(view.name.length + 1);
  if (view.spec.columns.includes(feature)) return [feature];
  return [view.spec.aggregations.find((aggregate) => aggregate.name === feature)?.column];
}
