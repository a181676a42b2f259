import type { FieldContract } from '@everloop/contracts';
import { schemaUnderivable } from './errors.ts';
import type { WireFormat } from './formats.ts';

type Fields = Readonly<Record<string, FieldContract>>;

/** What Avro and Protobuf allow as a name. */
const plainName = /^[A-Za-z_][A-Za-z0-9_]*$/;
const scalars = {
  avro: {
    string: 'string',
    decimal: 'string',
    timestamp: 'string',
    number: 'double',
    integer: 'long',
    boolean: 'boolean',
  },
  protobuf: {
    string: 'string',
    decimal: 'string',
    timestamp: 'string',
    number: 'double',
    integer: 'int64',
    boolean: 'bool',
  },
} as const;

/**
 * The schema of a contract, for a subject that has none yet: every field optional, since what is wrong is for the validator to say; times and
 * decimals as text. Throws EVL_RECORDS_SCHEMA_UNDERIVABLE for objects and arrays that do not say what is in them.
 */
export function deriveSchema(format: WireFormat, source: string, fields: Fields): string {
  const name = `Source_${source.replaceAll(/[^A-Za-z0-9_]/g, '_')}`;
  if (format === 'avro') return JSON.stringify(avroRecord(name, fields, ''));
  if (format === 'protobuf') return `syntax = "proto3";\n${protoMessage(name, fields, '')}`;
  // A contract judges the values: a schema that judged them again could only disagree.
  return JSON.stringify({ $schema: 'http://json-schema.org/draft-07/schema#', title: name, type: 'object' });
}

function checkName(name: string, path: string): void {
  if (!plainName.test(name)) throw schemaUnderivable(path, 'its name has other characters than letters, digits and _');
}

function avroRecord(name: string, fields: Fields, path: string): unknown {
  const members = Object.entries(fields).map(([field, contract]) => {
    checkName(field, path + field);
    return { name: field, type: ['null', avroType(`${name}_${field}`, contract, path + field)], default: null };
  });
  return { type: 'record', name, fields: members };
}

function avroType(name: string, contract: FieldContract, path: string): unknown {
  const { type, fields, items } = contract;
  if (type === 'object') {
    if (fields === undefined) throw schemaUnderivable(path, 'it is an object without fields');
    return avroRecord(name, fields, `${path}.`);
  }
  if (type !== 'array') return scalars.avro[type];
  if (items === undefined) throw schemaUnderivable(path, 'it is an array without items');
  return { type: 'array', items: ['null', avroType(`${name}_item`, items, `${path}[]`)] };
}

function protoMessage(name: string, fields: Fields, path: string): string {
  const inner: string[] = [];
  const members = Object.entries(fields).map(([field, contract], index) => {
    checkName(field, path + field);
    const isArray = contract.type === 'array';
    const each = isArray ? contract.items : contract;
    if (each === undefined) throw schemaUnderivable(path + field, 'it is an array without items');
    if (isArray && each.type === 'array') throw schemaUnderivable(path + field, 'Protobuf has no arrays of arrays');
    let type: string;
    if (each.type === 'object') {
      if (each.fields === undefined) throw schemaUnderivable(path + field, 'it is an object without fields');
      type = `M_${field}`;
      inner.push(protoMessage(type, each.fields, `${path}${field}.`));
    } else type = scalars.protobuf[each.type as keyof typeof scalars.protobuf];
    return `${isArray ? 'repeated' : 'optional'} ${type} ${field} = ${index + 1};`;
  });
  return `message ${name} {\n${[...inner, ...members].join('\n')}\n}`;
}

/** Times as the derived schema has them: text. Everything else is as it was. */
export function asDerived(fields: Fields, record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(record).map(([name, value]) => [
      name,
      Object.hasOwn(fields, name) ? derivedValue(fields[name], value) : value,
    ]),
  );
}

/** Farthest moments of a Date, milliseconds from 1970. */
const dateMsMax = 8.64e15;

function derivedValue(contract: FieldContract | undefined, value: unknown): unknown {
  if (contract?.type === 'timestamp' && typeof value === 'number' && Math.abs(value) <= dateMsMax)
    return Number.isInteger(value) ? new Date(value).toISOString() : value;
  if (contract?.items !== undefined && Array.isArray(value))
    return value.map((each: unknown) => derivedValue(contract.items, each));
  if (contract?.fields !== undefined && typeof value === 'object' && value !== null && !Array.isArray(value))
    return asDerived(contract.fields, value as Record<string, unknown>);
  return value;
}
