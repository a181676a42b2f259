import type { FieldContract } from '@everloop/contracts';
import { Document, isMap, type Pair, type Scalar, type YAMLMap } from 'yaml';
import type { Inferred } from './infer-field.ts';
import type { InferredSource } from './infer-source.ts';

/** The contract as a resource, each field with its evidence in a comment. */
export function sourceYaml(source: InferredSource): string {
  const { request, key, eventTime, fields, records, notes } = source;
  const { name, topic, partitions, format, schemaRegistry } = request;
  const document = new Document({
    kind: 'Source',
    name,
    spec: {
      topic,
      ...(partitions === 1 ? {} : { partitions }),
      ...(format === 'json' ? {} : { format }),
      ...(schemaRegistry === undefined || format === 'json' ? {} : { schemaRegistry }),
      key: key.field,
      eventTime: eventTime.field,
      unexpected: 'report',
      fields: Object.fromEntries([...fields].map(([field, { contract }]) => [field, written(contract)])),
    },
  });
  const head = [
    `Drawn from ${records.toLocaleString('en-US')} records of topic ${topic}: a first contract. Read it, and tighten what you know better.`,
    request.margin === null
      ? 'Ranges are left out.'
      : `Ranges reach ${Math.round(request.margin * 100)} % further than what was seen; closed sets are texts of which none came only once.`,
    ...notes,
  ];
  document.commentBefore = head.map((line) => ` ${line}`).join('\n');
  const spec = mapAt(document.contents, 'spec');
  comment(spec, 'key', key.why);
  comment(spec, 'eventTime', eventTime.why);
  comment(
    spec,
    'unexpected',
    'Columns that are not listed stay and are counted: whatever is new is seen, and nothing is lost.',
  );
  const listed = mapAt(spec, 'fields');
  for (const [field, inferred] of fields) explain(listed, field, inferred);
  return document.toString({ lineWidth: 0, flowCollectionPadding: true });
}

/** Defaults are left out; what a person looks for first comes first. */
function written(contract: FieldContract): Record<string, unknown> {
  const { type, required, nullable = !required, fields, items, ...rest } = contract;
  return {
    type,
    ...(required ? { required } : {}),
    ...(nullable === !required ? {} : { nullable }),
    ...rest,
    ...(fields === undefined
      ? {}
      : { fields: Object.fromEntries(Object.entries(fields).map(([name, own]) => [name, written(own)])) }),
    ...(items === undefined ? {} : { items: written(items) }),
  };
}

function explain(parent: YAMLMap, name: string, { contract, evidence, fields, items }: Inferred): void {
  comment(parent, name, evidence);
  const node = mapAt(parent, name);
  if (contract.fields === undefined && contract.items === undefined) node.flow = true;
  if (fields.size > 0) for (const [member, own] of fields) explain(mapAt(node, 'fields'), member, own);
  if (items !== null) explain(node, 'items', items);
}

function comment(parent: YAMLMap, name: string, text: string): void {
  const pair = parent.items.find((item: Pair) => (item.key as Scalar).value === name);
  if (pair !== undefined) (pair.key as Scalar).commentBefore = ` ${text.replace(/\s+/g, ' ')}`;
}

function mapAt(parent: unknown, name: string): YAMLMap {
  const found: unknown = isMap(parent) ? parent.get(name, true) : undefined;
  if (!isMap(found)) throw new TypeError(`the document has no mapping ${name}`);
  return found;
}
