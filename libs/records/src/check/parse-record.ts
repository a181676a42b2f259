import { reason, type Reason } from './verdict.ts';

/** Deepest nesting of objects and arrays, the record itself counted. */
export const depthMax = 64;

export type JsonRecord = Readonly<Record<string, unknown>>;
export type Parsed =
  { readonly record: JsonRecord; readonly poison: null } | { readonly record: null; readonly poison: Reason };

const decoder = new TextDecoder('utf-8', { fatal: true });
const lossyDecoder = new TextDecoder('utf-8');
const shownBytes = 600;

/** Bytes to a JSON object, or why they are none. Never throws. `bytesMax` bounds the value's length. */
export function parseRecord(value: Uint8Array | null, bytesMax: number): Parsed {
  if (value === null) return poison(reason('null_value', '', 'the record has no value; a Source has no tombstones'));
  if (value.length > bytesMax) {
    return poison(reason('too_large', '', `${value.length} bytes, at most ${bytesMax} are allowed`, beginning(value)));
  }
  let text: string;
  try {
    text = decoder.decode(value);
  } catch {
    return poison(reason('not_utf8', '', 'the bytes are not UTF-8', beginning(value)));
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    return poison(
      reason('not_json', '', `not JSON: ${error instanceof Error ? error.message.slice(0, 200) : ''}`, text),
    );
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    return poison(reason('not_object', '', 'the value is JSON but not an object', text));
  }
  if (isDeeper(parsed, depthMax)) {
    return poison(reason('too_deep', '', `objects and arrays are nested more than ${depthMax} deep`, text));
  }
  return { record: parsed as JsonRecord, poison: null };
}

function poison(why: Reason): Parsed {
  return { record: null, poison: why };
}

/** The first bytes as text, for a reason. */
export function beginning(value: Uint8Array): string {
  return lossyDecoder.decode(value.subarray(0, shownBytes));
}

/** Recursion ends at `levels`, so depth cannot exhaust the stack. Flat records cost one pass over their values. */
function isDeeper(container: object, levels: number): boolean {
  if (levels === 0) return true;
  const values: unknown[] = Array.isArray(container) ? container : Object.values(container);
  for (const value of values) {
    if (typeof value === 'object' && value !== null && isDeeper(value, levels - 1)) return true;
  }
  return false;
}
