import { ContractError } from '../errors.ts';
import { fieldsOf } from './import-property.ts';
import { qualityOf, withRequired } from './import-quality.ts';
import { Notes } from './notes.ts';
import { customKey, type OdcsContract, type OdcsNote, type OdcsObject, type WrittenSource } from './types.ts';

export interface ImportOptions {
  /** Field that is the Kafka key, and field with the event time, where the contract does not tell. */
  readonly key?: string;
  readonly eventTime?: string;
}

export interface Imported {
  readonly sources: readonly WrittenSource[];
  /** What the contract says and the Sources do not, or say differently. */
  readonly notes: readonly OdcsNote[];
}

/** Objects of one contract. */
const objectsMax = 500;
const contractKeys = ['apiVersion', 'kind', 'id', 'name', 'version', 'status', 'schema'];
const objectKeys = [
  ...['id', 'name', 'physicalName', 'physicalType', 'logicalType', 'properties', 'quality', 'customProperties'],
];

/**
 * Sources of a contract of the Open Data Contract Standard v3, parsed from YAML or JSON: one for each object of its schema. Whatever has no
 * counterpart is named in `notes`. Throws ContractError EVL_ODCS_INVALID for what is no such contract.
 */
export function importOdcs(document: unknown, options: ImportOptions = {}): Imported {
  const contract = contractOf(document);
  const notes = new Notes();
  notes.leftOver('', contract, contractKeys);
  const sources = (contract.schema ?? []).map((object, index) => sourceOf(object, `schema[${index}]`, options, notes));
  return { sources, notes: notes.all() };
}

function contractOf(document: unknown): OdcsContract {
  const found = (typeof document === 'object' && document !== null ? document : {}) as Readonly<
    Record<string, unknown>
  >;
  const { kind, apiVersion, schema } = found;
  if (kind !== 'DataContract') throw invalid(`kind is ${shown(kind)}, not "DataContract"`);
  if (typeof apiVersion !== 'string' || !/^v3\./.test(apiVersion))
    throw invalid(`apiVersion is ${shown(apiVersion)}; versions v3.0 and v3.1 can be read`);
  if (!Array.isArray(schema) || schema.length === 0)
    throw invalid('it has no schema, so there is nothing to check records by');
  if (schema.length > objectsMax)
    throw invalid(`its schema has ${schema.length} objects; at most ${objectsMax} are read`);
  schema.forEach((object: unknown, index) => {
    if (typeof object !== 'object' || object === null || !('name' in object) || typeof object.name !== 'string')
      throw invalid(`schema[${index}] has no name`);
  });
  return found as unknown as OdcsContract;
}

function shown(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value);
}

function invalid(why: string): ContractError {
  return new ContractError(
    'EVL_ODCS_INVALID',
    `this is no contract of the Open Data Contract Standard that can be read: ${why}`,
  );
}

function sourceOf(object: OdcsObject, path: string, options: ImportOptions, notes: Notes): WrittenSource {
  notes.leftOver(path, object, objectKeys);
  const custom: Record<string, unknown> = {};
  for (const { property, value } of object.customProperties ?? []) {
    const key = customKey(property);
    if (key === null) notes.add(path, `custom property ${property} is left out: a Source does not know it`);
    else custom[key] = value;
  }
  const judged = qualityOf(object, path, notes);
  const fields = withRequired(fieldsOf(object.properties ?? [], path, notes), judged.required);
  const unique = [...((custom['unique'] as readonly object[] | undefined) ?? []), ...judged.unique];
  return {
    name: sourceName(object.name, path, notes),
    spec: {
      topic: object.physicalName ?? object.name,
      ...custom,
      key: custom['key'] ?? options.key ?? keyOf(object, path, notes),
      eventTime: custom['eventTime'] ?? options.eventTime ?? eventTimeOf(fields, path, notes),
      fields,
      ...(unique.length === 0 ? {} : { unique }),
      ...(judged.rules.length === 0 ? {} : { rules: judged.rules }),
      ...(judged.windows.length === 0 ? {} : { windows: judged.windows }),
    },
  };
}

/** Names of resources are lower case letters, digits and dashes. */
function sourceName(name: string, path: string, notes: Notes): string {
  const made = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
  if (made !== name)
    notes.add(`${path}.name`, `the Source is named ${made}: names are lower case letters, digits and dashes`);
  return made;
}

function keyOf({ properties = [] }: OdcsObject, path: string, notes: Notes): string {
  const [first, ...others] = [
    ...properties.filter(({ partitioned }) => partitioned === true),
    ...properties.filter(({ primaryKey, partitioned }) => primaryKey === true && partitioned !== true),
  ];
  if (first?.name !== undefined) {
    if (others.length > 0) notes.add(path, `of several key columns ${first.name} is taken as the Kafka key: check it`);
    return first.name;
  }
  const name = properties.find(({ required }) => required === true)?.name ?? properties[0]?.name ?? 'id';
  notes.add(path, `nothing says which field is the Kafka key; ${name} is taken: say it by --key`);
  return name;
}

function eventTimeOf(fields: Readonly<Record<string, { readonly type: string }>>, path: string, notes: Notes): string {
  const times = Object.keys(fields).filter((name) => fields[name]?.type === 'timestamp');
  const [first = 'event_time'] = times;
  if (times.length === 0)
    notes.add(
      path,
      'it has no timestamp, and a Source needs the time of each event: add one, or say it by --event-time',
    );
  else if (times.length > 1)
    notes.add(path, `of several timestamps ${first} is taken as the event time: say it by --event-time`);
  return first;
}
