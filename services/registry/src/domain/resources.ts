import {
  canonicalJson,
  checkCompatibility,
  checkResources,
  ContractError,
  type CompatibilityProblems,
  describeFinding,
  eventId,
  type FeatureServiceSpec,
  nearest,
  parseResource,
  type registry,
  resourceKey,
  type ResourceOf,
  sha256Hex,
  type TypedResource,
} from '@everloop/contracts';
import { brokenPins, withoutPins, withPins } from './pins.ts';

export type Change = 'created' | 'changed' | 'unchanged';

/** A resource as it will be stored, and how that differs from what is. */
export interface PlannedResource {
  readonly resource: registry.Resource;
  readonly change: Change;
}

/** Id of the event that says a resource has this revision; the same for every repeat. */
export function resourceEventId(resource: registry.Resource): string {
  return eventId('resource', resource.kind, resource.name, String(resource.revision), resource.digest);
}

/**
 * Plans an apply: canonical specs, digests, and revisions that grow with each difference. Throws ContractError when a resource is
 * malformed.
 */
export function planApply(
  stored: readonly registry.Resource[],
  requested: readonly registry.Resource[],
): PlannedResource[] {
  const current = new Map(stored.map((resource) => [resourceKey(resource), resource]));
  const typed = requested.map((wire) => parseResource({ ...wire, revision: 0 }));
  const after = new Map([...stored.map(parseResource), ...typed].map((resource) => [resourceKey(resource), resource]));
  return requested.map((wire, index) => {
    const asked = typed[index];
    const specJson = canonicalJson(asked?.kind === 'FeatureService' ? pinned(asked) : asked?.spec);
    const digest = sha256Hex(specJson);
    const before = current.get(resourceKey(wire));
    const { kind, name } = wire;
    if (before !== undefined && asked?.kind === 'Model') requireSameLog(parseResource(before), asked);
    if (before?.digest === digest) return { resource: before, change: 'unchanged' };
    const revision = (before?.revision ?? 0) + 1;
    return {
      resource: { kind, name, revision, specJson, digest },
      change: before === undefined ? 'created' : 'changed',
    };
  });

  /** With the digests of its features; those that it had when it was there before. */
  function pinned(asked: ResourceOf<'FeatureService'>): FeatureServiceSpec {
    const before = current.get(resourceKey(asked));
    const known = before === undefined ? null : parseResource(before);
    if (known?.kind !== 'FeatureService') return withPins(asked.spec, [...after.values()]);
    if (canonicalJson(withoutPins(known.spec)) !== canonicalJson(withoutPins(asked.spec))) throw immutable(asked);
    return known.spec;
  }
}

/** A log of which another share is there before and after a moment has rows of different weight, and what is counted from it would not tell. */
function requireSameLog(before: TypedResource, { name, spec }: ResourceOf<'Model'>): void {
  if (before.kind !== 'Model') return;
  const [known, asked] = [before.spec.log?.share ?? 1, spec.log?.share ?? 1];
  if (known === asked) return;
  const message =
    `Model/${name}: ${known} of its predictions are logged, and log.share ${asked} would mix both in what is counted from the log; ` +
    `keep log.share ${known}, or apply the Model under another name`;
  throw new ContractError('EVL_RESOURCE_IMMUTABLE', message);
}

function immutable({ name, spec }: ResourceOf<'FeatureService'>): ContractError {
  const [service] = name.split('@');
  const message =
    `FeatureService/${name}: a version never changes, and this one is applied with another content; ` +
    `raise spec.version (FeatureService "${service ?? ''}", version ${spec.version + 1} or above), and leave ${name} as it was`;
  return new ContractError('EVL_RESOURCE_IMMUTABLE', message);
}

/** Pinned features that the plan would change; one line each. */
export function pinsBrokenAfter(
  stored: readonly registry.Resource[],
  planned: readonly PlannedResource[],
): readonly string[] {
  const after = new Map(stored.map((resource) => [resourceKey(resource), resource]));
  for (const { resource } of planned) after.set(resourceKey(resource), resource);
  return brokenPins(stored.map(parseResource), [...after.values()].map(parseResource));
}

/** What would be wrong with the resources as a whole after the plan; one line each. Repeats within the request come first. */
export function problemsAfter(stored: readonly registry.Resource[], planned: readonly PlannedResource[]): string[] {
  const after = new Map(stored.map((resource) => [resourceKey(resource), resource]));
  const problems: string[] = [];
  const seen = new Set<string>();
  for (const { resource } of planned) {
    const key = resourceKey(resource);
    if (seen.has(key)) problems.push(`${key}: is in the request twice`);
    seen.add(key);
    after.set(key, resource);
  }
  const typed: TypedResource[] = [...after.values()].map((resource) => parseResource(resource));
  for (const { resource, finding } of checkResources(typed))
    problems.push(`${resourceKey(resource)}: ${describeFinding(finding)}`);
  return problems;
}

/** What the planned changes of Sources would break for those who read them. */
export function compatibilityAfter(
  stored: readonly registry.Resource[],
  planned: readonly PlannedResource[],
): CompatibilityProblems {
  const after = new Map(stored.map((resource) => [resourceKey(resource), resource]));
  for (const { resource } of planned) after.set(resourceKey(resource), resource);
  return checkCompatibility(stored.map(parseResource), [...after.values()].map(parseResource));
}

/** The name that was probably meant, for a message. */
export function hintFor(name: string, known: readonly string[]): string {
  const meant = nearest(name, known);
  return meant === undefined ? '' : `; did you mean "${meant}"?`;
}
