import { ofKind, resourceKey, type ResourceOf } from '../resources/wire.ts';
import type { TypedResource } from '../resources/types.ts';

/** `FeatureView/<name>` and `Model/<name>` that read a column of a Source, directly or through views. */
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
  for (const model of ofKind(resources, 'Model')) {
    const columns = columnsOfModel(model, source, views);
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

/** Columns of the Source that a Model reads; null when it has nothing to do with the Source. */
function columnsOfModel(
  { spec }: ResourceOf<'Model'>,
  source: string,
  views: ReadonlyMap<string, ResourceOf<'FeatureView'>>,
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
    const used = [...spec.inputs.map((input) => input.from), ...spec.views.flatMap((other) => other.key)];
    columns.push(...keysOf(view.spec), ...used.flatMap((reference) => columnOfFeature(view, reference)));
  }
  return reads ? columns : null;
}

/** The column behind `<view>.<feature>`. */
function columnOfFeature(view: ResourceOf<'FeatureView'>, reference: string): (string | undefined)[] {
  if (!reference.startsWith(`${view.name}.`)) return [];
  const feature = reference.slice(view.name.length + 1);
  if (view.spec.columns.includes(feature)) return [feature];
  return [view.spec.aggregations.find((aggregate) => aggregate.name === feature)?.column];
}
