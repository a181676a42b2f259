import { durationMs } from '../duration.ts';
import { isDuration, specSchema, type SchemaNode } from './schemas.ts';
import type { Kind } from './types.ts';

/**
 * A validated spec in its compiled form: durations in milliseconds under their name with `Ms`. Defaults are already in the value
 * (the validator fills them in). The schema decides; nothing here knows a kind.
 */
export function compileSpec(kind: Kind, spec: unknown): unknown {
  return compileNode(specSchema(kind), spec);
}

function compileNode(schema: SchemaNode, value: unknown): unknown {
  if (Array.isArray(value))
    return schema.items === undefined ? value : value.map((item) => compileNode(schema.items ?? {}, item));
  if (typeof value !== 'object' || value === null) return value;
  const compiled: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) {
    const memberSchema = schemaOf(schema, key);
    if (memberSchema !== undefined && isDuration(memberSchema)) compiled[`${key}Ms`] = durationMs(String(member));
    else compiled[key] = memberSchema === undefined ? member : compileNode(memberSchema, member);
  }
  return compiled;
}

function schemaOf(schema: SchemaNode, key: string): SchemaNode | undefined {
  if (schema.properties !== undefined && Object.hasOwn(schema.properties, key)) return schema.properties[key];
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
}

/** The schema of a kind's compiled spec: durations are integers under their `Ms` names, and what has a default is required. */
export function compiledSpecSchema(kind: Kind): SchemaNode {
  return compiledNode(specSchema(kind));
}

function compiledNode(schema: SchemaNode): SchemaNode {
  const properties: Record<string, SchemaNode> = {};
  const required: string[] = [];
  for (const [key, member] of Object.entries(schema.properties ?? {})) {
    const compiledKey = isDuration(member) ? `${key}Ms` : key;
    properties[compiledKey] = compiledNode(member);
    if (schema.required?.includes(key) === true || member.default !== undefined) required.push(compiledKey);
  }
  if (isDuration(schema)) {
    return { type: 'integer', ...(schema.format === 'everloop-duration' ? { minimum: 0 } : {}) };
  }
  return {
    ...schema,
    ...(schema.properties === undefined ? {} : { properties, required }),
    ...(schema.items === undefined ? {} : { items: compiledNode(schema.items) }),
    ...(typeof schema.additionalProperties === 'object'
      ? { additionalProperties: compiledNode(schema.additionalProperties) }
      : {}),
  };
}
