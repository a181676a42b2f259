import { canonicalJson, sha256Hex } from '../canonical.ts';
import { entityFields } from './entities.ts';
import type { FeatureServiceSpec, FeatureViewSpec, ModelSpec, SourceSpec } from './types.ts';

/** Resource name of a version of a FeatureService. */
export function featureServiceName(service: string, version: number): string {
  return `${service}@${version}`;
}

/** Resource name of the FeatureService that a model pins; null when it pins none. */
export function pinnedService(model: Pick<ModelSpec, 'features'>): string | null {
  return model.features === undefined ? null : featureServiceName(model.features.service, model.features.version);
}

/** The newest version of a service among resource names, or exactly the one that `name@version` names; undefined when there is none. */
export function resolveService(asked: string, names: Iterable<string>): string | undefined {
  let newest: { readonly name: string; readonly version: number } | undefined;
  for (const name of names) {
    if (name === asked) return name;
    const at = name.lastIndexOf('@');
    const version = Number(name.slice(at + 1));
    if (name.slice(0, at) === asked && version > (newest?.version ?? 0)) newest = { name, version };
  }
  return newest?.name;
}

/**
 * Digest of everything that decides the values of one feature: its own definition, the view's entity, hop and time to live, and which
 * fields of the Source are read as what. Descriptions, owners and other features are not in it. Null when the view has no such feature.
 */
export function featureDigest(view: FeatureViewSpec, feature: string, source: SourceSpec | undefined): string | null {
  const aggregation = view.aggregations.find(({ name }) => name === feature);
  if (aggregation === undefined && !view.columns.includes(feature)) return null;
  const { ttlMs } = view;
  const fields = entityFields(view);
  const read = [...fields, ...(aggregation === undefined ? [feature] : [aggregation.column ?? []].flat())];
  const definition =
    aggregation === undefined ? { column: feature } : { ...aggregation, name: undefined, hopMs: view.hopMs };
  const types = Object.fromEntries(read.map((field) => [field, source?.fields[field]?.type ?? null]));
  const times = { eventTime: source?.eventTime ?? null, createdTime: source?.createdTime ?? null };
  const whole = {
    ...definition,
    source: view.source,
    topic: source?.topic ?? null,
    entity: fields,
    ttlMs,
    types,
    ...times,
  };
  // What is undefined is left out.
  return sha256Hex(canonicalJson(JSON.parse(JSON.stringify(whole))));
}

/** What digests are made of: the views and sources by name. */
export interface FeatureDefinitions {
  readonly views: ReadonlyMap<string, FeatureViewSpec>;
  readonly sources: ReadonlyMap<string, SourceSpec>;
}

/** The features of a service as `[view, feature]`: those that it pinned, or will pin when it is applied now. */
export function serviceFeatures(
  spec: Pick<FeatureServiceSpec, 'features' | 'pins'>,
  views: ReadonlyMap<string, FeatureViewSpec>,
): readonly (readonly [string, string])[] {
  return spec.features.flatMap(({ view, features }) => {
    if (features.length > 0) return features.map((feature) => [view, feature] as const);
    const pinned = Object.keys(spec.pins).filter((pin) => pin.startsWith(`${view}.`));
    if (pinned.length > 0) return pinned.sort().map((pin) => [view, pin.slice(view.length + 1)] as const);
    const found = views.get(view);
    const all = found === undefined ? [] : [...found.columns, ...found.aggregations.map(({ name }) => name)];
    return all.map((feature) => [view, feature] as const);
  });
}

/** The digests of a service's features as they are defined now, by `<view>.<feature>`; what is not there is left out. */
export function featureDigests(
  spec: Pick<FeatureServiceSpec, 'features' | 'pins'>,
  { views, sources }: FeatureDefinitions,
): Record<string, string> {
  const digests: Record<string, string> = {};
  for (const [viewName, feature] of serviceFeatures(spec, views)) {
    const view = views.get(viewName);
    const digest = view === undefined ? null : featureDigest(view, feature, sources.get(view.source));
    if (digest !== null) digests[`${viewName}.${feature}`] = digest;
  }
  return digests;
}

/** Digest of a version of a service, with its features as they are defined now: what a model version was trained with. */
export function serviceDigest(spec: FeatureServiceSpec, definitions: FeatureDefinitions): string {
  const { request, onDemand } = spec;
  const computed = onDemand.map(({ name, type, cel }) => ({ name, type, cel }));
  return sha256Hex(canonicalJson({ features: featureDigests(spec, definitions), request, onDemand: computed }));
}
