import type { Finding } from '../../errors.ts';
import { listNames, nearest } from '../../suggest.ts';
import type { Kind, SourceSpec, TypedResource } from '../types.ts';
import { ofKind, type ResourceOf } from '../wire.ts';

/** What a check may look at: the resource's surroundings. */
export interface CheckContext {
  readonly resources: readonly TypedResource[];
  /** The resource that a reference names, or the finding that says it does not exist; null when it exists but is itself wrong. */
  resolve<K extends Kind>(kind: K, name: string, path: Finding['path']): ResourceOf<K> | Finding | null;
}

/** Makes the context. `declared` are resources whose own shape is wrong; references to them are not reported. */
export function createContext(
  resources: readonly TypedResource[],
  declared: readonly { readonly kind: Kind; readonly name: string }[],
): CheckContext {
  return {
    resources,
    resolve(kind, name, path) {
      const all = ofKind(resources, kind);
      const found = all.find((resource) => resource.name === name);
      if (found !== undefined) return found;
      const known = new Set(
        [...all, ...declared.filter((resource) => resource.kind === kind)].map((resource) => resource.name),
      );
      if (known.has(name)) return null;
      return unknownName(path, `there is no ${kind} named "${name}"`, name, [...known]);
    },
  };
}

/** Whether `resolve` found the resource. */
export function isFound<T extends TypedResource>(resolved: T | Finding | null): resolved is T {
  return resolved !== null && 'kind' in resolved;
}

/** A name that is not among the known ones. */
export function unknownName(path: Finding['path'], message: string, name: string, known: readonly string[]): Finding {
  const meant = nearest(name, known);
  const hint = meant === undefined ? {} : { didYouMean: meant };
  return { path, at: 'value', message, ...hint, allowed: listNames(known) };
}

/** A value that is wrong in itself. */
export function wrongValue(path: Finding['path'], message: string, allowed?: string): Finding {
  return { path, at: 'value', message, ...(allowed === undefined ? {} : { allowed }) };
}

/** Checks that a source has a field, and that its type is one of `types`. */
export function checkField(
  source: { readonly name: string; readonly spec: SourceSpec },
  field: string,
  types: readonly string[] | 'any',
  path: Finding['path'],
): Finding[] {
  const contract = Object.hasOwn(source.spec.fields, field) ? source.spec.fields[field] : undefined;
  if (contract === undefined) {
    return [
      unknownName(path, `Source "${source.name}" has no field "${field}"`, field, Object.keys(source.spec.fields)),
    ];
  }
  if (types === 'any' || types.includes(contract.type)) return [];
  const fitting = Object.entries(source.spec.fields)
    .filter(([, other]) => types.includes(other.type))
    .map(([name]) => name);
  return [
    wrongValue(
      path,
      `field "${field}" of Source "${source.name}" is a ${contract.type}, not ${types.join(' or ')}`,
      listNames(fitting),
    ),
  ];
}

/** The values that occur again, with the place of each repeat. */
export function repeats<T>(
  items: readonly T[],
  key: (item: T) => string,
): { readonly index: number; readonly key: string }[] {
  const seen = new Set<string>();
  return items.flatMap((item, index) => {
    const name = key(item);
    if (seen.has(name)) return [{ index, key: name }];
    seen.add(name);
    return [];
  });
}
