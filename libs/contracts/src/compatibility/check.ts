import type { FieldContract, TypedResource } from '../resources/types.ts';
import { ofKind, resourceKey, type ResourceOf } from '../resources/wire.ts';
import { compareSources, describeChange, violations } from './compare.ts';
import { readersOf } from './readers.ts';
import type { SourceChange } from './types.ts';

/** What applying changed Sources would break, one line for each change. */
export interface CompatibilityProblems {
  /** Never allowed: an applied FeatureView or Model reads the column. */
  readonly broken: readonly string[];
  /** Against the `compatibility` that the new revision asks for; may be forced. */
  readonly violations: readonly string[];
  /** What `compatibility: none` lets pass and backward and forward would not. */
  readonly waived: readonly string[];
}

/**
 * Compares the Sources among `after` with the same ones among `before`, both being all resources before and after an apply. Names for each
 * change who reads it.
 */
export function checkCompatibility(
  before: readonly TypedResource[],
  after: readonly TypedResource[],
): CompatibilityProblems {
  const problems = { broken: [] as string[], violations: [] as string[], waived: [] as string[] };
  const applied = new Map(ofKind(before, 'Source').map((source) => [source.name, source]));
  for (const source of ofKind(after, 'Source')) {
    const old = applied.get(source.name);
    if (old !== undefined) compareOne(old, source, before, after, problems);
  }
  return problems;
}

function compareOne(
  old: ResourceOf<'Source'>,
  now: ResourceOf<'Source'>,
  before: readonly TypedResource[],
  after: readonly TypedResource[],
  problems: { readonly broken: string[]; readonly violations: string[]; readonly waived: string[] },
): void {
  const changes = compareSources(old.spec, now.spec);
  const readers = readersOf(before, now.name);
  const line = (change: SourceChange): string => {
    const names = readers(change.column);
    return `${resourceKey(now)}: ${describeChange(change)}${names.length === 0 ? '' : `; read by ${names.join(', ')}`}`;
  };
  // Whoever is changed in the same apply so that it no longer reads the column is not broken.
  const readersAfter = readersOf(after, now.name);
  const stillRead = ({ column }: SourceChange): boolean => {
    const still = readersAfter(column);
    return readers(column).some((name) => still.includes(name));
  };
  const broken = changes.filter((change) => meansSomethingElse(change, old, now) && stillRead(change));
  problems.broken.push(
    ...broken.map((change) => `${line(change)}; give the column another name, and move its readers first`),
  );
  const others = changes.filter((change) => !broken.includes(change));
  const { compatibility } = now.spec;
  problems.violations.push(
    ...violations(others, compatibility).map((change) => `${line(change)}; compatibility is ${compatibility}`),
  );
  if (compatibility === 'none') problems.waived.push(...violations(others, 'full').map(line));
}

/** A column that is read and is gone, or is of a type that is stored in another form. */
function meansSomethingElse(
  { path, column, what }: SourceChange,
  old: ResourceOf<'Source'>,
  now: ResourceOf<'Source'>,
): boolean {
  if (column === null || path !== column) return false;
  if (what === 'column') return now.spec.fields[column] === undefined;
  if (what !== 'type') return false;
  return storedAs(old.spec.fields[column]) !== storedAs(now.spec.fields[column]);
}

function storedAs(field: FieldContract | undefined): string {
  const type = field?.type ?? 'none';
  return type === 'integer' || type === 'decimal' ? 'number' : type;
}
