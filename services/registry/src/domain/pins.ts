import {
  featureDigests,
  ofKind,
  pinnedService,
  resourceKey,
  type FeatureDefinitions,
  type FeatureServiceSpec,
  type TypedResource,
} from '@everloop/contracts';

/** The definitions that features are made of, among resources. */
export function definitionsAmong(resources: readonly TypedResource[]): FeatureDefinitions {
  return {
    views: new Map(ofKind(resources, 'FeatureView').map(({ name, spec }) => [name, spec])),
    sources: new Map(ofKind(resources, 'Source').map(({ name, spec }) => [name, spec])),
  };
}

/** A FeatureService without what the registry fills in: what a person wrote. */
export function withoutPins(spec: FeatureServiceSpec): FeatureServiceSpec {
  return { ...spec, pins: {} };
}

/** A FeatureService with the digests of its features as they are defined among resources. */
export function withPins(spec: FeatureServiceSpec, resources: readonly TypedResource[]): FeatureServiceSpec {
  return { ...spec, pins: featureDigests(withoutPins(spec), definitionsAmong(resources)) };
}

/** Features that applied services pin and that would mean something else, or nothing, afterwards; one line each. */
export function brokenPins(before: readonly TypedResource[], after: readonly TypedResource[]): string[] {
  const definitions = definitionsAmong(after);
  const models = ofKind(before, 'Model');
  const broken = new Map<string, string[]>();
  for (const service of ofKind(before, 'FeatureService')) {
    const now = featureDigests(service.spec, definitions);
    const pinnedBy = models.filter(({ spec }) => pinnedService(spec) === service.name).map(resourceKey);
    for (const [feature, digest] of Object.entries(service.spec.pins)) {
      if (now[feature] === digest) continue;
      const names = broken.get(feature) ?? [];
      names.push(resourceKey(service), ...pinnedBy);
      broken.set(feature, names);
    }
  }
  return [...broken].map(([feature, names]) => {
    const [view = '', name = ''] = feature.split('.');
    return `FeatureView/${view}: feature "${name}" would mean something else, or be gone; pinned by ${[...new Set(names)].join(', ')}`;
  });
}
