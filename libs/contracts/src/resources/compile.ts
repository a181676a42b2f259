import { durationMs, formatDuration } from '../duration.ts';
import { canonicalJson } from '../canonical.ts';
import { isDuration, resolveRef, schemaDefinitions, specSchema, type SchemaNode } from './schemas.ts';
import type { Kind } from './types.ts';

type Definitions = Readonly<Record<string, SchemaNode>>;

/**
 * A validated spec in its compiled form: durations in milliseconds under their name with `Ms`. Defaults are already in the value
 * (the validator fills them in). The schema decides; nothing here knows a kind.
 */
export function compileSpec(kind: Kind, spec: unknown): unknown {
  return compileNode(schemaDefinitions(kind), specSchema(kind), spec);
}

function compileNode(definitions: Definitions, node: SchemaNode, value: unknown): unknown {
  const schema = resolveRef(definitions, node);
  if (Array.isArray(value)) {
    const { items } = schema;
    return items === undefined ? value : value.map((item) => compileNode(definitions, items, item));
  }
  if (typeof value !== 'object' || value === null) return value;
  const compiled: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) {
    const memberSchema = schemaOf(schema, key);
    if (memberSchema !== undefined && isDuration(memberSchema)) compiled[`${key}Ms`] = durationMs(String(member));
    else compiled[key] = memberSchema === undefined ? member : compileNode(definitions, memberSchema, member);
  }
  return compiled;
}

/**
 * A compiled spec as it is written in YAML: the inverse of `compileSpec`, except that a duration may be spelt in another unit and that
 * what equals its default is left out.
 */
export function decompileSpec(kind: Kind, spec: unknown): unknown {
  return decompileNode(schemaDefinitions(kind), specSchema(kind), spec);
}

function decompileNode(definitions: Definitions, node: SchemaNode, value: unknown): unknown {
  const schema = resolveRef(definitions, node);
  if (Array.isArray(value)) {
    const { items } = schema;
    return items === undefined ? value : value.map((item) => decompileNode(definitions, items, item));
  }
  if (typeof value !== 'object' || value === null) return value;
  const written: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined) continue;
    const name = key.replace(/Ms$/, '');
    const durationSchema = name === key ? undefined : schemaOf(schema, name);
    const isTime = durationSchema !== undefined && isDuration(durationSchema);
    const memberSchema = isTime ? durationSchema : schemaOf(schema, key);
    const text: unknown =
      isTime && typeof member === 'number'
        ? formatDuration(member)
        : memberSchema === undefined
          ? member
          : decompileNode(definitions, memberSchema, member);
    if (!isDefault(memberSchema, member, text)) written[isTime ? name : key] = text;
  }
  return written;
}

function isDefault(schema: SchemaNode | undefined, compiled: unknown, written: unknown): boolean {
  const value = schema?.default;
  if (schema === undefined || value === undefined) return false;
  if (isDuration(schema)) return typeof value === 'string' && durationMs(value) === compiled;
  return canonicalJson(value) === canonicalJson(written);
}

function schemaOf(schema: SchemaNode, key: string): SchemaNode | undefined {
  if (schema.properties !== undefined && Object.hasOwn(schema.properties, key)) return schema.properties[key];
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
}

/**
 * The schema of a kind's compiled spec: durations are integers under their `Ms` names, and what has a default is required. The defaults
 * stay in it, so that a spec that was compiled before a property existed can be completed.
 */
export function compiledSpecSchema(kind: Kind): SchemaNode {
  const definitions = Object.entries(schemaDefinitions(kind)).map(
    ([name, node]) => [name, compiledNode(node)] as const,
  );
  return {
    ...compiledNode(specSchema(kind)),
    ...(definitions.length === 0 ? {} : { definitions: Object.fromEntries(definitions) }),
  };
}

function compiledNode(schema: SchemaNode): SchemaNode {
  const properties: Record<string, SchemaNode> = {};
  const required: string[] = [];
  for (const [key, member] of Object.entries(schema.properties ?? {})) {
    const compiledKey = isDuration(member) ? `${key}Ms` : key;
    properties[compiledKey] = compiledNode(member);
    if (schema.required?.includes(key) === true || member.default !== undefined) required.push(compiledKey);
  }
  if (isDuration(schema)) return compiledDuration(schema);
  return {
    ...schema,
    ...(schema.properties === undefined ? {} : { properties, required }),
    ...(schema.items === undefined ? {} : { items: compiledNode(schema.items) }),
    ...(typeof schema.additionalProperties === 'object'
      ? { additionalProperties: compiledNode(schema.additionalProperties) }
      : {}),
  };
}

function compiledDuration({ format, default: text }: SchemaNode): SchemaNode {
  return {
    type: 'integer',
    ...(format === 'everloop-duration' ? { minimum: 0 } : {}),
    ...(typeof text === 'string' ? { default: durationMs(text) } : {}),
  };
}
