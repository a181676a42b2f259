import { compilePattern } from '../../pattern.ts';
import type { Finding } from '../../errors.ts';
import { parseDecimal } from '../../decimal.ts';
import type { FieldContract, FieldType } from '../types.ts';
import { wrongValue } from './context.ts';

/** Types whose values are compared as a whole. */
export const scalarTypes = ['string', 'number', 'integer', 'boolean', 'timestamp', 'decimal'] as const;

/** Deepest nesting of a contract: half of the deepest record that is read. */
const levelsMax = 32;

/** Which types each limit says something about. */
const limits = {
  min: ['number', 'integer', 'decimal'],
  max: ['number', 'integer', 'decimal'],
  minLength: ['string'],
  maxLength: ['string'],
  pattern: ['string'],
  values: ['string', 'number', 'integer', 'decimal'],
  precision: ['decimal'],
  scale: ['decimal'],
  fields: ['object'],
  items: ['array'],
  minItems: ['array'],
  maxItems: ['array'],
} as const satisfies Partial<Record<keyof FieldContract, readonly FieldType[]>>;

const ranges = [
  ['min', 'max'],
  ['minLength', 'maxLength'],
  ['minItems', 'maxItems'],
  ['scale', 'precision'],
] as const;

/** What is wrong with the contracts of columns: limits that contradict, or that say nothing about the type. Nested ones too. */
export function checkFields(
  fields: Readonly<Record<string, FieldContract>>,
  path: Finding['path'],
  level = 1,
): Finding[] {
  return Object.entries(fields).flatMap(([name, contract]) => checkContract(contract, [...path, name], level));
}

function checkContract(contract: FieldContract, path: Finding['path'], level: number): Finding[] {
  if (level > levelsMax) return [wrongValue(path, `the contract is nested more than ${levelsMax} deep`)];
  return [
    ...checkLimits(contract, path),
    ...checkRanges(contract, path),
    ...(contract.pattern === undefined ? [] : checkPattern(contract.pattern, [...path, 'pattern'])),
    ...checkValues(contract, [...path, 'values']),
    ...(contract.fields === undefined ? [] : checkFields(contract.fields, [...path, 'fields'], level + 1)),
    ...(contract.items === undefined ? [] : checkContract(contract.items, [...path, 'items'], level + 1)),
  ];
}

function checkLimits(contract: FieldContract, path: Finding['path']): Finding[] {
  return Object.entries(limits).flatMap(([key, types]: [string, readonly FieldType[]]) =>
    Object.hasOwn(contract, key) && !types.includes(contract.type)
      ? [wrongValue([...path, key], `"${key}" says nothing about the type ${contract.type}`)]
      : [],
  );
}

function checkRanges(contract: FieldContract, path: Finding['path']): Finding[] {
  return ranges.flatMap(([low, high]) => {
    const [from, to] = [contract[low], contract[high]];
    return from === undefined || to === undefined || from <= to
      ? []
      : [wrongValue([...path, low], `${low} ${from} is above ${high} ${to}`)];
  });
}

function checkPattern(pattern: string, path: Finding['path']): Finding[] {
  try {
    compilePattern(pattern);
    return [];
  } catch (error) {
    return [wrongValue(path, error instanceof Error ? error.message : String(error))];
  }
}

function checkValues({ type, values = [] }: FieldContract, path: Finding['path']): Finding[] {
  return values.flatMap((value, i) =>
    fits(type, value) ? [] : [wrongValue([...path, i], `${JSON.stringify(value)} is not a ${type}`)],
  );
}

function fits(type: FieldType, value: string | number): boolean {
  switch (type) {
    case 'string':
      return typeof value === 'string';
    case 'decimal':
      return parseDecimal(String(value)) !== null;
    default:
      return typeof value === 'number';
  }
}
