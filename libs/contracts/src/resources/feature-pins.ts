import { canonicalJson, sha256Hex } from '../canonical.ts';
import { type FeatureDefinitions, pinnedService, serviceDigest } from './feature-services.ts';
import type { FeatureServiceSpec, ModelSpec } from './types.ts';

/** Names under which a model version's parameters say which features it was trained with. */
const keys = { service: 'featureService', digest: 'featureServiceDigest', onDemand: 'onDemand' } as const;

/** What pins are made of. */
export interface PinDefinitions extends FeatureDefinitions {
  /** By `<name>@<version>`. */
  readonly services: ReadonlyMap<string, FeatureServiceSpec>;
}

/**
 * What a model version's parameters say of its features: the version of the FeatureService with the digest of all it means, and a digest of
 * each on-demand feature of the model itself that it uses. Empty for a model with neither.
 */
export function featurePins(spec: ModelSpec, definitions: PinDefinitions): Readonly<Record<string, string>> {
  const pins: Record<string, string> = {};
  const name = pinnedService(spec);
  const service = name === null ? undefined : definitions.services.get(name);
  if (name !== null) pins[keys.service] = name;
  if (service !== undefined) pins[keys.digest] = serviceDigest(service, definitions);
  const used = (spec.onDemand ?? []).filter((feature) =>
    spec.inputs.some(({ from }) => from === `onDemand.${feature.name}`),
  );
  const digests = used.map(
    ({ name: feature, type, cel }) => [feature, sha256Hex(canonicalJson({ type, cel }))] as const,
  );
  if (digests.length > 0) pins[keys.onDemand] = canonicalJson(Object.fromEntries(digests));
  return pins;
}

/** The FeatureService, `<name>@<version>`, that a version's parameters name; undefined when they name none. */
export function servicePinnedBy(parameters: Readonly<Record<string, string>>): string | undefined {
  return parameters[keys.service];
}

/** How the features that a version was trained with differ from those that it would be served with, in words; null when they do not. */
export function pinDifference(
  trained: Readonly<Record<string, string>>,
  served: Readonly<Record<string, string>>,
): string | null {
  const [before, now] = [trained[keys.service], served[keys.service]];
  if (before !== now)
    return `it was trained with ${before === undefined ? 'no FeatureService' : `FeatureService ${before}`}, and the Model pins ${now ?? 'none'}`;
  if (trained[keys.digest] !== served[keys.digest]) {
    const [was, is] = [trained[keys.digest], served[keys.digest]].map((digest) => digest?.slice(0, 12) ?? 'none');
    return `it was trained with FeatureService ${before ?? ''} of digest ${was ?? ''}, and its features mean digest ${is ?? ''} now`;
  }
  return trained[keys.onDemand] === served[keys.onDemand]
    ? null
    : 'its on-demand features were computed by other expressions';
}
