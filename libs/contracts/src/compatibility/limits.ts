import type { FieldContract } from '../resources/types.ts';
import type { Difference, Direction } from './types.ts';

const floors = ['min', 'minLength', 'minItems'] as const;
const ceilings = ['max', 'maxLength', 'maxItems'] as const;

/** Types whose values are all values of another type too. */
const wider: Readonly<Partial<Record<FieldContract['type'], readonly FieldContract['type'][]>>> = {
  integer: ['number', 'decimal'],
  number: ['decimal'],
};

/** Differences of two contracts of one column, without what is nested in them. */
export function fieldDifferences(before: FieldContract, after: FieldContract): Difference[] {
  return [
    ...typeDifference(before, after),
    ...requiredDifference(before, after),
    ...floors.flatMap((key) => bound(key, before[key] ?? -Infinity, after[key] ?? -Infinity, 1)),
    ...ceilings.flatMap((key) => bound(key, before[key] ?? Infinity, after[key] ?? Infinity, -1)),
    ...bound('scale', before.scale ?? Infinity, after.scale ?? Infinity, -1),
    ...bound('precision', before.precision ?? Infinity, after.precision ?? Infinity, -1),
    ...wholeDifference(before, after),
    ...patternDifference(before, after),
    ...valuesDifference(before, after),
  ];
}

function typeDifference({ type: before }: FieldContract, { type: after }: FieldContract): Difference[] {
  if (before === after) return [];
  const breaks: Direction[] = [];
  if (wider[before]?.includes(after) !== true) breaks.push('backward');
  if (wider[after]?.includes(before) !== true) breaks.push('forward');
  return [{ what: 'type', before, after, breaks }];
}

function requiredDifference(before: FieldContract, after: FieldContract): Difference[] {
  const differences: Difference[] = [];
  if (before.required !== after.required) differences.push(strictness('required', before.required, after.required));
  const [wasNullable, isNullable] = [before.nullable ?? !before.required, after.nullable ?? !after.required];
  const follows = before.required !== after.required && before.nullable === after.nullable;
  if (wasNullable !== isNullable && !follows)
    differences.push({
      ...strictness('nullable', !wasNullable, !isNullable),
      before: String(wasNullable),
      after: String(isNullable),
    });
  return differences;
}

function strictness(what: string, before: boolean, after: boolean): Difference {
  return { what, before: String(before), after: String(after), breaks: [after ? 'backward' : 'forward'] };
}

/** `direction` is 1 where a greater bound allows less, -1 where it allows more. */
function bound(what: string, before: number, after: number, direction: 1 | -1): Difference[] {
  if (before === after) return [];
  const isTighter = (after - before) * direction > 0;
  return [{ what, before: shown(before), after: shown(after), breaks: [isTighter ? 'backward' : 'forward'] }];
}

function shown(limit: number): string {
  return Number.isFinite(limit) ? String(limit) : 'none';
}

/** More digits after the point leave fewer before it: then a greater scale breaks both. */
function wholeDifference(before: FieldContract, after: FieldContract): Difference[] {
  const whole = ({ precision, scale }: FieldContract): number =>
    precision === undefined ? Infinity : precision - (scale ?? 0);
  if (before.precision !== after.precision) return [];
  return bound('digits before the point', whole(before), whole(after), -1);
}

function patternDifference({ pattern: before }: FieldContract, { pattern: after }: FieldContract): Difference[] {
  if (before === after) return [];
  return [{ what: 'pattern', before: before ?? 'none', after: after ?? 'none', breaks: exchanged(before, after) }];
}

function valuesDifference({ values: before }: FieldContract, { values: after }: FieldContract): Difference[] {
  if (before === undefined && after === undefined) return [];
  const [was, is] = [new Set(before), new Set(after)];
  const breaks: Direction[] = [];
  if (after !== undefined && (before === undefined || [...was].some((value) => !is.has(value))))
    breaks.push('backward');
  if (before !== undefined && (after === undefined || [...is].some((value) => !was.has(value)))) breaks.push('forward');
  return breaks.length === 0 ? [] : [{ what: 'values', before: listed(before), after: listed(after), breaks }];
}

function listed(values: readonly (string | number)[] | undefined): string {
  if (values === undefined) return 'none';
  return values.length > 10 ? `${values.slice(0, 10).join(', ')}, … (${values.length})` : values.join(', ');
}

/** A condition that is new breaks backward, one that is gone forward, another one both. */
export function exchanged(before: unknown, after: unknown): Direction[] {
  if (before === undefined) return ['backward'];
  return after === undefined ? ['forward'] : ['backward', 'forward'];
}
