import type { FieldType } from '@everloop/contracts';

/** A feature's value: a number (booleans are 1 and 0, timestamps epoch milliseconds), text, or null where missing. */
export type FeatureScalar = number | string | null;

/** A decoded record: the fields of a JSON object. */
export type EventFields = Readonly<Record<string, unknown>>;

/** How a field's values are stored: text, objects and arrays as text (the last two as JSON), everything else as a float64. */
export function storageType(type: FieldType): 'number' | 'string' {
  return type === 'string' || type === 'object' || type === 'array' ? 'string' : 'number';
}

/** Epoch milliseconds of a timestamp: a finite number as it is (rounded down), RFC 3339 text parsed; null otherwise. */
export function timestampMs(value: unknown): number | null {
  if (typeof value === 'number') return Number.isFinite(value) ? Math.floor(value) + 0 : null;
  if (typeof value !== 'string') return null;
  const parsed = Date.parse(value);
  return Number.isNaN(parsed) ? null : parsed;
}

/** A field's value as a feature of the declared type; null where it is absent, null or of another type. */
export function scalarOf(type: FieldType, value: unknown): FeatureScalar {
  switch (type) {
    case 'string':
      return typeof value === 'string' ? value : null;
    case 'timestamp':
      return timestampMs(value);
    case 'boolean':
      return typeof value === 'boolean' ? Number(value) : null;
    case 'number':
    case 'integer':
      return finite(value);
    case 'decimal':
      return finite(typeof value === 'string' && value !== '' ? Number(value) : value);
    case 'object':
    case 'array':
      return typeof value === 'object' && value !== null ? JSON.stringify(value) : null;
  }
}

/** -0 becomes 0: the two are equal, so which of them is the smallest would depend on the order. */
function finite(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value + 0 : null;
}

/**
 * An entity's key as text, as it stands in the online store's key; null where a part is missing. The parts of a composite key are
 * joined by `|`; `|` and `\` in them are preceded by `\`, so that different keys have different texts.
 *
 * @example entityKey(['a|b', 7]) === 'a\\|b|7'
 */
export function entityKey(parts: readonly (FeatureScalar | undefined)[]): string | null {
  const [first] = parts;
  if (parts.length === 1) return first === null || first === undefined ? null : String(first);
  let text = '';
  for (const [index, part] of parts.entries()) {
    if (part === null || part === undefined) return null;
    const escaped = typeof part === 'string' ? part.replace(/[\\|]/g, '\\$&') : String(part);
    text += index === 0 ? escaped : `|${escaped}`;
  }
  return text;
}

/** A feature's value: one scalar, or the newest ones first of a `lastK`. */
export type FeatureValue = FeatureScalar | readonly FeatureScalar[];

/** A value where only a scalar can stand: a list becomes its JSON text. */
export function asScalar(value: FeatureValue): FeatureScalar {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : value;
}

const unitsMax = 2 ** 53;

/** Units per 1 in which a column is summed and compared: whole numbers for types that are whole, else millionths. */
export function unitsPerOne(type: FieldType): number {
  return type === 'number' || type === 'decimal' ? 1e6 : 1;
}

/**
 * A number in whole units, `floor(value * scale + 0.5)`, so that sums are exact and do not depend on the order; NaN for null
 * and for what has 2^53 units or more (9,007,199,254.740992 in millionths), which is not aggregated.
 */
export function toUnits(value: FeatureScalar | undefined, scale: number): number {
  if (typeof value !== 'number') return Number.NaN;
  const units = Math.floor(value * scale + 0.5);
  return Math.abs(units) < unitsMax ? units + 0 : Number.NaN;
}
