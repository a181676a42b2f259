import { readFileSync } from 'node:fs';
import type { Kind } from './types.ts';

/** The part of JSON Schema (draft 07) that the resource schemas use. */
export interface SchemaNode {
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | SchemaNode;
  readonly items?: SchemaNode;
  readonly definitions?: Readonly<Record<string, SchemaNode>>;
  /** Into the definitions of the same file, `#/definitions/<name>`. */
  readonly $ref?: string;
  readonly [keyword: string]: unknown;
}

const files = {
  Source: 'source',
  Entity: 'entity',
  FeatureView: 'feature-view',
  FeatureService: 'feature-service',
  Model: 'model',
  Monitor: 'monitor',
  Rollout: 'rollout',
  Trigger: 'trigger',
} as const satisfies Record<Kind, string>;

/** Every kind of resource. */
export const kinds: readonly Kind[] = [
  'Source',
  'Entity',
  'FeatureView',
  'FeatureService',
  'Model',
  'Monitor',
  'Rollout',
  'Trigger',
];

/** Whether `text` names a kind of resource, in exactly this spelling. */
export function isKind(text: string): text is Kind {
  return Object.hasOwn(files, text);
}

const cache = new Map<Kind, SchemaNode>();

/** The JSON Schema of a kind's YAML document, libs/contracts/schemas/<kind>.schema.json. */
export function documentSchema(kind: Kind): SchemaNode {
  const known = cache.get(kind);
  if (known !== undefined) return known;
  const text = readFileSync(new URL(`../../schemas/${files[kind]}.schema.json`, import.meta.url), 'utf8');
  const schema = JSON.parse(text) as SchemaNode;
  cache.set(kind, schema);
  return schema;
}

/** The schema of a kind's spec as it is written in YAML. */
export function specSchema(kind: Kind): SchemaNode {
  const spec = documentSchema(kind).properties?.['spec'];
  if (spec === undefined) throw new Error(`the schema of ${kind} has no spec`);
  return spec;
}

/** What a kind's schema defines once and refers to, by name. */
export function schemaDefinitions(kind: Kind): Readonly<Record<string, SchemaNode>> {
  return documentSchema(kind).definitions ?? {};
}

/** The node that a reference stands for; any other node as it is. */
export function resolveRef(definitions: Readonly<Record<string, SchemaNode>>, schema: SchemaNode): SchemaNode {
  if (schema.$ref === undefined) return schema;
  const target = definitions[schema.$ref.replace('#/definitions/', '')];
  if (target === undefined) throw new Error(`the schema refers to ${schema.$ref}, which it does not define`);
  return target;
}

/** Whether a property holds a duration; it then has `Ms` at the end of its compiled name. */
export function isDuration(schema: SchemaNode): boolean {
  return schema.format === 'everloop-duration' || schema.format === 'everloop-offset';
}
