/** A JSON value; numbers may be raw JSON, so that none loses a digit. */
export type Json = unknown;

/**
 * Parses JSON and keeps each number as it was written (`JSON.rawJSON`): written again, 1.50 stays 1.50 and 2^53 + 1 keeps its last digit.
 * Throws SyntaxError.
 */
export function parseExactJson(text: string): Json {
  const keep = (_key: string, value: unknown, context?: { readonly source?: string }): unknown =>
    typeof value === 'number' && context?.source !== undefined ? rawNumber(context.source) : value;
  return JSON.parse(text, keep);
}

// Part of the ECMAScript proposal "JSON.parse source text access", in V8 since 11.4; the compiler's library does not have it yet.
const rawNumber = (JSON as unknown as { rawJSON: (text: string) => unknown }).rawJSON;
const isRaw = (JSON as unknown as { isRawJSON: (value: unknown) => boolean }).isRawJSON;

/** Applies a JSON merge patch (RFC 7396): null removes a member, objects are merged, anything else replaces. */
export function mergePatch(target: Json, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const merged = new Map(isObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name);
    else merged.set(name, mergePatch(merged.get(name), value));
  }
  // Unlike assignment this takes every name for a member's, `__proto__` too.
  return Object.fromEntries(merged);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isRaw(value);
}
