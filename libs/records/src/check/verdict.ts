/** A record as decoded: plain fields. Never has a prototype of its own. */
export type JsonRecord = Readonly<Record<string, unknown>>;

/** Why a record is not valid. */
export interface Reason {
  /** What was broken: one of `builtinRules`, or `cel:<name>` for a rule of the Source. */
  readonly rule: string;
  /** Column, nested ones as `address.city` or `items[3].sku`; empty for the record as a whole. */
  readonly path: string;
  /** What is wrong and what is allowed. */
  readonly message: string;
  /** The value as found, at most 200 characters; empty when there is none. */
  readonly value: string;
}

/** What is to become of a record. */
export type Verdict =
  | {
      readonly kind: 'valid';
      /** The value to write when it is not the one that was read: columns were left out. */
      readonly value: string | null;
      readonly record: JsonRecord;
      /** Event time, epoch milliseconds. */
      readonly timeMs: number;
      /** Columns that the Source does not list but keeps, where it wants to know of them; null when there are none. */
      readonly unexpected: readonly string[] | null;
    }
  | {
      readonly kind: 'quarantine';
      readonly reasons: readonly Reason[];
      /** What could be decoded; null when nothing could. */
      readonly record: JsonRecord | null;
      /** Event time, epoch milliseconds; null when it is not known. */
      readonly timeMs: number | null;
    };

/** Names of the built-in rules, in the order in which they are checked. */
export const builtinRules = [
  'null_value',
  'too_large',
  'not_utf8',
  'too_deep',
  'not_json',
  'not_object',
  'no_schema_id',
  'schema_unknown',
  'schema_unusable',
  'schema_invalid',
  'not_avro',
  'not_protobuf',
  'required',
  'nullable',
  'type',
  'min',
  'max',
  'precision',
  'scale',
  'min_length',
  'max_length',
  'pattern',
  'values',
  'min_items',
  'max_items',
  'event_time',
  'unexpected',
  'unique',
  'more',
] as const;

export type BuiltinRule = (typeof builtinRules)[number];

/** Longest value and path that a reason shows, in UTF-16 units. */
export const valueCharsMax = 200;
/** Most reasons that are kept for one record; a header must not outgrow a record. */
export const reasonsMax = 100;
/** Most unexpected columns that are named for one record. */
export const unexpectedMax = 20;

export function reason(rule: BuiltinRule | `cel:${string}`, path: string, message: string, value?: unknown): Reason {
  return { rule, path: cut(path), message, value: value === undefined ? '' : showValue(value) };
}

/** Text of at most 200 UTF-16 units that is well-formed: a pair of surrogates is not torn apart. */
export function cut(text: string): string {
  return text.length <= valueCharsMax ? text : text.slice(0, valueCharsMax).toWellFormed();
}

/** A value as text of at most 200 characters: text as it is, anything else as JSON. Costs the same however large the value is. */
export function showValue(value: unknown): string {
  return cut(typeof value === 'string' ? value : showJson(value, valueCharsMax + 1));
}

/** The first characters of a value's JSON, at least `charsMin` if it has as many; stops soon after. */
function showJson(value: unknown, charsMin: number): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, charsMin));
  // JSON has no Infinity: `1e999` is read as one and would be shown as null.
  if (typeof value === 'number') return String(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) {
    let text = '[';
    for (const item of value as readonly unknown[]) {
      if (text.length > charsMin) return text;
      text += `${text.length > 1 ? ',' : ''}${showJson(item, charsMin - text.length)}`;
    }
    return `${text}]`;
  }
  let text = '{';
  for (const name in value) {
    if (text.length > charsMin) return text;
    const member = showJson((value as JsonRecord)[name], charsMin - text.length);
    text += `${text.length > 1 ? ',' : ''}${JSON.stringify(name.slice(0, charsMin))}:${member}`;
  }
  return `${text}}`;
}

/** `not one of a, b, …`, of the first 20. */
export function valuesMessage(values: readonly (string | number)[]): string {
  return `not one of ${values.slice(0, 20).join(', ')}${values.length > 20 ? ', …' : ''}`;
}
