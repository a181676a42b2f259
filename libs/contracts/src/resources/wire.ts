import { canonicalJson, sha256Hex } from '../canonical.ts';
import { ContractError, describeFinding } from '../errors.ts';
import type { Resource } from '../gen/everloop/registry/v1/registry.ts';
import { listNames, nearest } from '../suggest.ts';
import { isKind, kinds } from './schemas.ts';
import type { FeatureServiceSpec, Kind, TypedResource } from './types.ts';
import { validateCompiledSpec } from './validate.ts';

/** A resource of one kind. */
export type ResourceOf<K extends Kind> = Extract<TypedResource, { readonly kind: K }>;

const namePattern = /^[a-z][a-z0-9_-]{0,62}$/;
const serviceNamePattern = /^[a-z][a-z0-9_-]{0,62}@[1-9][0-9]{0,5}$/;

/**
 * A resource as the registry keeps it and the topic `everloop.resources` carries it. Throws ContractError EVL_RESOURCE_INVALID,
 * with one line for each problem, when kind, name or spec are not what this version of Everloop understands.
 */
export function parseResource(wire: Pick<Resource, 'kind' | 'name' | 'revision' | 'specJson'>): TypedResource {
  const { kind, name, revision } = wire;
  const subject = `${kind}/${name}`;
  if (!isKind(kind)) {
    const meant = nearest(kind, kinds);
    throw invalid(subject, [
      `unknown kind${meant === undefined ? '' : `; did you mean "${meant}"?`}; allowed: ${listNames(kinds)}`,
    ]);
  }
  if (kind === 'FeatureService' && !serviceNamePattern.test(name))
    throw invalid(subject, ['the name must be <name>@<version>, as everloop apply sends it']);
  if (kind !== 'FeatureService' && !namePattern.test(name))
    throw invalid(subject, ['the name must be a lower-case letter, then lower-case letters, digits, - and _']);
  const spec = parseSpec(subject, wire.specJson);
  const findings = validateCompiledSpec(kind, spec);
  if (findings.length > 0) throw invalid(subject, findings.map(describeFinding));
  if (kind === 'FeatureService' && !name.endsWith(`@${(spec as FeatureServiceSpec).version}`))
    throw invalid(subject, ['the version in the name is not spec.version']);
  // The schema of the kind has just been checked, which is what the type says; a test compares the two.
  return { kind, name, revision, spec } as TypedResource;
}

function parseSpec(subject: string, specJson: string): unknown {
  try {
    return JSON.parse(specJson);
  } catch (error) {
    throw invalid(subject, [`spec_json is not JSON: ${error instanceof Error ? error.message : String(error)}`]);
  }
}

function invalid(subject: string, problems: readonly string[]): ContractError {
  return new ContractError('EVL_RESOURCE_INVALID', problems.map((problem) => `${subject}: ${problem}`).join('\n'));
}

/** The wire form of a resource: canonical JSON of the compiled spec and its digest. */
export function toWire(resource: TypedResource): Resource {
  const specJson = canonicalJson(resource.spec);
  return {
    kind: resource.kind,
    name: resource.name,
    revision: resource.revision,
    specJson,
    digest: sha256Hex(specJson),
  };
}

/** Kafka key of a resource on the topic `everloop.resources`, and how it is named in messages. */
export function resourceKey(resource: { readonly kind: string; readonly name: string }): string {
  return `${resource.kind}/${resource.name}`;
}

/** The resources of one kind, in their order. */
export function ofKind<K extends Kind>(resources: readonly TypedResource[], kind: K): ResourceOf<K>[] {
  return resources.filter((resource): resource is ResourceOf<K> => resource.kind === kind);
}

/** The resource of this kind and name. Throws ContractError EVL_RESOURCE_NOT_FOUND with the nearest name. */
export function findResource<K extends Kind>(
  resources: readonly TypedResource[],
  kind: K,
  name: string,
): ResourceOf<K> {
  const all = ofKind(resources, kind);
  const found = all.find((resource) => resource.name === name);
  if (found !== undefined) return found;
  const meant = nearest(
    name,
    all.map((resource) => resource.name),
  );
  const hint = meant === undefined ? '' : `; did you mean "${meant}"?`;
  throw new ContractError('EVL_RESOURCE_NOT_FOUND', `there is no ${kind} named "${name}"${hint}`);
}
