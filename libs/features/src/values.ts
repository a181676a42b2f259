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
  if (typeof value === 'number') return Number.isFinite(value) ? Math.floor(value) : null;
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

function finite(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** An entity key as text, as it stands in the online store's key; null where there is none. */
export function entityKey(value: FeatureScalar | undefined): string | null {
  if (value === null || value === undefined) return null;
  return typeof value === 'string' ? value : String(value);
}

/** Units per 1 in which sums are kept. */
export const micro = 1e6;
const microMax = 2 ** 53;

/**
 * A number in whole millionths, `floor(value * 1e6 + 0.5)`, so that sums are exact and do not depend on the order; NaN for null
 * and for numbers of 9,007,199,254 and beyond, which are not aggregated.
 */
export function toMicro(value: FeatureScalar): number {
  if (typeof value !== 'number') return Number.NaN;
  const scaled = Math.floor(value * micro + 0.5);
  return Math.abs(scaled) < microMax ? scaled : Number.NaN;
}
