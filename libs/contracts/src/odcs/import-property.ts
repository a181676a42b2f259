import type { Notes } from './notes.ts';
import { customKey, typeOptions, type OdcsProperty, type WrittenField } from './types.ts';

/** Columns nested deeper are left out. */
const depthMax = 32;

const known = [
  ...[
    'id',
    'name',
    'logicalType',
    'physicalType',
    'logicalTypeOptions',
    'description',
    'required',
    'unique',
    'primaryKey',
  ],
  ...[
    'primaryKeyPosition',
    'partitioned',
    'partitionKeyPosition',
    'properties',
    'items',
    'quality',
    'customProperties',
  ],
];

/** What the text of a column type of a database means, by its first word. */
const physicalTypes: readonly (readonly [RegExp, string])[] = [
  [/^(tiny|small|big|medium)?int(eger)?\d*|^long|^serial/i, 'integer'],
  [/^(decimal|numeric|number|money)/i, 'decimal'],
  [/^(double|float|real)/i, 'number'],
  [/^bool/i, 'boolean'],
  [/^(timestamp|datetime)/i, 'timestamp'],
  [/^(struct|record|row|map|json|variant|object)/i, 'object'],
  [/^(array|list)/i, 'array'],
];

/** Texts of dates and times of day, which are no timestamps. */
const textPatterns: Readonly<Record<string, string>> = {
  date: '^\\d{4}-\\d{2}-\\d{2}$',
  time: '^\\d{2}:\\d{2}(:\\d{2}(\\.\\d+)?)?(Z|[+-]\\d{2}:\\d{2})?$',
};

/** A property as a field of a Source; what it cannot say goes to `notes`. */
function fieldOf(property: OdcsProperty, path: string, notes: Notes, depth = 0): WrittenField {
  notes.leftOver(path, property, known);
  const custom = customOf(property, path, notes);
  const { [customOnly]: only, ...limits } = custom;
  const type = typeof only.type === 'string' ? only.type : typeOf(property, path, notes);
  const required = only.required ?? property.required;
  const nested = depth < depthMax;
  if (!nested && (property.properties ?? property.items) !== undefined)
    notes.add(path, `what is nested deeper than ${depthMax} levels is left out: flatten it`);
  const { properties, items, description } = property;
  return {
    type,
    ...(typeof required === 'boolean' ? { required } : {}),
    ...(typeof only.nullable === 'boolean' ? { nullable: only.nullable } : {}),
    ...optionsOf(property, type, path, notes),
    ...limits,
    ...valuesOf(property),
    ...(nested && properties !== undefined && type === 'object'
      ? { fields: fieldsOf(properties, path, notes, depth + 1) }
      : {}),
    ...(nested && items !== undefined && type === 'array'
      ? { items: fieldOf(items, `${path}.items`, notes, depth + 1) }
      : {}),
    ...(description === undefined ? {} : { description }),
  };
}

/** Properties by their names. */
export function fieldsOf(
  properties: readonly OdcsProperty[],
  path: string,
  notes: Notes,
  depth = 0,
): Record<string, WrittenField> {
  const fields: Record<string, WrittenField> = {};
  properties.forEach((property, index) => {
    const place = `${path}.properties[${index}]`;
    if (property.name === undefined || Object.hasOwn(fields, property.name))
      notes.add(place, 'a property without a name of its own is left out: give it one');
    else fields[property.name] = fieldOf(property, place, notes, depth);
  });
  return fields;
}

const customOnly = Symbol('read here');

function customOf(
  { customProperties = [] }: OdcsProperty,
  path: string,
  notes: Notes,
): { readonly [customOnly]: Readonly<Record<string, unknown>>; readonly [key: string]: unknown } {
  const limits: Record<string, unknown> = {};
  const only: Record<string, unknown> = {};
  for (const { property, value } of customProperties) {
    const key = customKey(property);
    if (key === null) notes.add(path, `custom property ${property} is left out: a Source does not know it`);
    else if (key === 'type' || key === 'required' || key === 'nullable') only[key] = value;
    else limits[key] = value;
  }
  return { [customOnly]: only, ...limits };
}

function typeOf({ logicalType, physicalType }: OdcsProperty, path: string, notes: Notes): string {
  if (logicalType === 'date' || logicalType === 'time') {
    notes.add(path, `a ${logicalType} is taken as text in ISO 8601: check its pattern`);
    return 'string';
  }
  if (logicalType !== undefined) return logicalType;
  if (physicalType === undefined) {
    notes.add(path, 'it has no type and is taken as text: say its logicalType');
    return 'string';
  }
  const type = physicalTypes.find(([pattern]) => pattern.test(physicalType))?.[1] ?? 'string';
  notes.add(path, `its type was guessed from physicalType: check it`);
  return type;
}

function optionsOf(property: OdcsProperty, type: string, path: string, notes: Notes): Record<string, unknown> {
  const { logicalTypeOptions = {}, logicalType = '' } = property;
  const pattern = textPatterns[logicalType];
  const limits: Record<string, unknown> = pattern === undefined ? {} : { pattern };
  for (const [name, value] of Object.entries(logicalTypeOptions)) {
    const at = `${path}.logicalTypeOptions.${name}`;
    const option = typeOptions[name];
    const logical = type === 'decimal' ? 'number' : type;
    if (option?.of.includes(logical) === true) limits[option.key] = value;
    else if ((name === 'exclusiveMinimum' || name === 'exclusiveMaximum') && typeof value === 'number')
      limits[name === 'exclusiveMinimum' ? 'min' : 'max'] = exclusive(name, value, type, at, notes);
    else notes.add(at, `${name} is left out: say it as a rule in CEL`);
  }
  return limits;
}

/** An open end of whole numbers is the next number; of others it is the closed end, and a remark. */
function exclusive(name: string, value: number, type: string, at: string, notes: Notes): number {
  if (type === 'integer') return name === 'exclusiveMinimum' ? Math.floor(value) + 1 : Math.ceil(value) - 1;
  notes.add(at, `${name} is taken as an inclusive limit: say the open end as a rule in CEL`);
  return value;
}

/** The closed set of a library rule `invalidValues`. */
function valuesOf({ quality = [] }: OdcsProperty): { readonly values?: readonly unknown[] } {
  const rule = quality.find((each) => isClosedSet(each));
  const values = rule?.arguments?.['validValues'];
  return Array.isArray(values) ? { values: values as readonly unknown[] } : {};
}

/** Whether a rule says that no value is outside a list, which is what `values` of a field says. */
export function isClosedSet({
  metric,
  arguments: given = {},
  mustBe,
}: NonNullable<OdcsProperty['quality']>[number]): boolean {
  return (
    metric === 'invalidValues' && mustBe === 0 && Array.isArray(given['validValues']) && Object.keys(given).length === 1
  );
}
