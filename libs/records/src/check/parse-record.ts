import { isNestedDeeper } from './json-depth.ts';
import { type JsonRecord, reason, type Reason } from './verdict.ts';

export type { JsonRecord };

/** Deepest nesting of objects and arrays, the record itself counted. */
export const depthMax = 64;

/** A decoded record, or why there is none. */
export type Parsed =
  | {
      readonly record: JsonRecord;
      /** The same record with each number as the text it was written as; null when no number has more digits than a double keeps. */
      readonly exact?: JsonRecord | null;
      readonly poison: null;
    }
  | { readonly record: null; readonly exact?: null; readonly poison: Reason };

// A byte order mark is no part of JSON (RFC 8259, section 8.1), and whoever reads the valid record would stumble over it.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const lossyDecoder = new TextDecoder('utf-8');
const shownBytes = 600;
/**
 * Bytes to a JSON object, or why they are none. Never throws, and refuses what is too long or too deep before it costs anything. Of keys
 * that come twice the last counts, as in JavaScript. `bytesMax` bounds the value's length; `wantsExact` says whether
 * a text has numbers that are needed digit by digit (`exact-numbers.ts`).
 */
export function parseRecord(
  value: Uint8Array | null,
  bytesMax: number,
  wantsExact: (text: string) => boolean = never,
): Parsed {
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
  if (isNestedDeeper(value, depthMax)) {
    return poison(reason('too_deep', '', `objects and arrays are nested more than ${depthMax} deep`, text));
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
  const exact = wantsExact(text) ? parseExact(text) : null;
  return { record: parsed as JsonRecord, exact, poison: null };
}

function never(): boolean {
  return false;
}

/** Reviver with access to the source text (ECMAScript proposal "JSON.parse source text access", in V8 since 11.4). */
type SourceReviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;

function parseExact(text: string): JsonRecord {
  const keepSource: SourceReviver = (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined ? source : value;
  return JSON.parse(text, keepSource as (key: string, value: unknown) => unknown) as JsonRecord;
}

function poison(why: Reason): Parsed {
  return { record: null, poison: why };
}

/** The first bytes as text, for a reason. */
export function beginning(value: Uint8Array): string {
  return lossyDecoder.decode(value.subarray(0, shownBytes));
}
