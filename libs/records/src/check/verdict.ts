/** Why a record is not valid. */
export interface Reason {
  /** What was broken: one of `builtinRules`, or `cel:<name>` for a rule of the Source. */
  readonly rule: string;
  /** Column, or empty for the record as a whole. */
  readonly path: string;
  /** What is wrong and what is allowed. */
  readonly message: string;
  /** The value as found, at most 200 characters; empty when there is none. */
  readonly value: string;
}

export type Verdict =
  /** `value` is the record's JSON without dropped columns, or null when its bytes are to be kept as they are. */
  | { readonly kind: 'valid'; readonly value: string | null }
  | { readonly kind: 'quarantine'; readonly reasons: readonly Reason[] };

/** Every rule that is not a CEL rule; a closed set, used as a metric label. */
export const builtinRules = [
  'null_value',
  'too_large',
  'not_utf8',
  'not_json',
  'not_object',
  'too_deep',
  'no_schema_id',
  'schema_unknown',
  'schema_unusable',
  'schema_invalid',
  'not_avro',
  'not_protobuf',
  'required',
  'type',
  'min',
  'max',
  'min_length',
  'max_length',
  'pattern',
  'values',
  'event_time',
  'unexpected',
  'more',
] as const;

export type BuiltinRule = (typeof builtinRules)[number];

export const valueCharsMax = 200;
/** Most reasons that are kept for one record; a header must not outgrow a record. */
export const reasonsMax = 100;

export function reason(rule: BuiltinRule | `cel:${string}`, path: string, message: string, value?: unknown): Reason {
  return { rule, path: path.slice(0, valueCharsMax), message, value: value === undefined ? '' : showValue(value) };
}

/** A value as text of at most 200 characters: text as it is, anything else as JSON. */
export function showValue(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length <= valueCharsMax ? text : text.slice(0, valueCharsMax);
}
