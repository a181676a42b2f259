import { formatDuration } from '../duration.ts';
import type { Compatibility, FieldContract, SourceSpec, UniqueRule } from '../resources/types.ts';
import { exchanged, fieldDifferences } from './limits.ts';
import type { Difference, Direction, SourceChange } from './types.ts';

type Fields = Readonly<Record<string, FieldContract>>;

interface Surroundings {
  readonly before: SourceSpec;
  readonly after: SourceSpec;
  /** Of an enclosing column; empty at the top. */
  readonly path: string;
  readonly column: string | null;
}

/**
 * Every difference between two revisions of a Source that decides what records are valid or what they mean. A change breaks `backward`
 * when a record that was valid may not be valid any more, `forward` when a record that is valid now may not have been before.
 */
export function compareSources(before: SourceSpec, after: SourceSpec): SourceChange[] {
  const top = { before, after, path: '', column: null };
  return [
    ...properties(before, after),
    ...compareFields(before.fields, after.fields, top),
    ...compareNamed('rules', celRules(before), celRules(after)),
    ...compareNamed('unique', uniqueRules(before), uniqueRules(after)),
  ];
}

/** The changes that `mode` does not allow. */
export function violations(changes: readonly SourceChange[], mode: Compatibility): SourceChange[] {
  const forbidden: readonly Direction[] = mode === 'full' ? ['backward', 'forward'] : mode === 'none' ? [] : [mode];
  return changes.filter((change) => change.breaks.some((direction) => forbidden.includes(direction)));
}

/** `late: max 600 → 300 (breaks backward)`. */
export function describeChange({ path, what, before, after, breaks }: SourceChange): string {
  const place = path === what ? path : `${path}: ${what}`;
  return `${place} ${before} → ${after}${breaks.length === 0 ? '' : ` (breaks ${breaks.join(' and ')})`}`;
}

const everything: readonly Direction[] = ['backward', 'forward'];

function properties(before: SourceSpec, after: SourceSpec): SourceChange[] {
  const of = (
    what: string,
    from: string | number | undefined,
    to: string | number | undefined,
    breaks: readonly Direction[],
  ): SourceChange[] =>
    from === to
      ? []
      : [{ path: what, column: null, what, before: String(from ?? 'none'), after: String(to ?? 'none'), breaks }];
  return [
    ...of('topic', before.topic, after.topic, []),
    ...of('partitions', before.partitions, after.partitions, []),
    ...of('format', before.format, after.format, everything),
    ...of('key', before.key, after.key, everything),
    ...of('eventTime', before.eventTime, after.eventTime, everything),
    ...of('createdTime', before.createdTime, after.createdTime, []),
    ...of('allowedLateness', formatDuration(before.allowedLatenessMs), formatDuration(after.allowedLatenessMs), []),
    ...of('unexpected', before.unexpected, after.unexpected, unexpectedBreaks(before.unexpected, after.unexpected)),
  ];
}

function unexpectedBreaks(before: SourceSpec['unexpected'], after: SourceSpec['unexpected']): Direction[] {
  if ((before === 'reject') === (after === 'reject')) return [];
  return [after === 'reject' ? 'backward' : 'forward'];
}

function compareFields(before: Fields, after: Fields, around: Surroundings): SourceChange[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((name) => {
    const path = around.path === '' ? name : `${around.path}.${name}`;
    const inside = { ...around, path, column: around.column ?? name };
    const [old, now] = [own(before, name), own(after, name)];
    if (old !== undefined && now !== undefined) return compareField(old, now, inside);
    if (now !== undefined) return [at(inside, added(now, around.before))];
    return old === undefined ? [] : [at(inside, removed(old, around.after))];
  });
}

function own(fields: Fields, name: string): FieldContract | undefined {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

/** Old records lack it; an old revision that rejects what it does not list rejects the new records. */
function added(field: FieldContract, before: SourceSpec): Difference {
  const breaks: Direction[] = [];
  if (field.required) breaks.push('backward');
  if (before.unexpected === 'reject') breaks.push('forward');
  return { what: 'column', before: 'none', after: `${field.required ? 'required ' : ''}${field.type}`, breaks };
}

/** Old records have it, which a new revision that rejects what it does not list rejects; old readers may need it. */
function removed(field: FieldContract, after: SourceSpec): Difference {
  const breaks: Direction[] = [];
  if (after.unexpected === 'reject') breaks.push('backward');
  if (field.required) breaks.push('forward');
  return { what: 'column', before: `${field.required ? 'required ' : ''}${field.type}`, after: 'none', breaks };
}

function compareField(before: FieldContract, after: FieldContract, around: Surroundings): SourceChange[] {
  const changes = fieldDifferences(before, after).map((difference) => at(around, difference));
  if (before.type !== after.type) return changes.filter((change) => change.what === 'type');
  return [...changes, ...compareInner(before, after, around)];
}

function compareInner(before: FieldContract, after: FieldContract, around: Surroundings): SourceChange[] {
  const changes: SourceChange[] = [];
  const presence = (what: string, old: unknown, now: unknown): void => {
    if ((old === undefined) === (now === undefined)) return;
    const breaks = exchanged(old, now);
    const shown = (value: unknown): string => (value === undefined ? 'any' : 'listed');
    changes.push(at(around, { what, before: shown(old), after: shown(now), breaks }));
  };
  presence('fields', before.fields, after.fields);
  presence('items', before.items, after.items);
  if (before.fields !== undefined && after.fields !== undefined)
    changes.push(...compareFields(before.fields, after.fields, around));
  if (before.items !== undefined && after.items !== undefined)
    changes.push(...compareField(before.items, after.items, { ...around, path: `${around.path}[]` }));
  return changes;
}

function at({ path, column }: Surroundings, difference: Difference): SourceChange {
  return { path, column, ...difference };
}

function celRules({ rules }: SourceSpec): Map<string, string> {
  return new Map(rules.map(({ name, cel }) => [name, cel]));
}

function uniqueRules({ unique }: SourceSpec): Map<string, string> {
  const name = ({ fields }: UniqueRule): string => [...fields].sort().join(', ');
  return new Map(unique.map((rule) => [name(rule), `within ${formatDuration(rule.withinMs)}`]));
}

function compareNamed(
  what: string,
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): SourceChange[] {
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((name) => {
    const [old, now] = [before.get(name), after.get(name)];
    if (old === now) return [];
    const difference = { what, before: old ?? 'none', after: now ?? 'none', breaks: exchanged(old, now) };
    return [{ path: `${what}[${name}]`, column: null, ...difference }];
  });
}
