import { FeatureError } from './error.ts';

/** Name of a version's artifact with the categories that it was trained with. */
export const categoriesFile = 'categories.json';
/** Largest such file, bytes: sixteen fields as large as one may be. */
export const categoriesBytesMax = 16 * 1024 ** 2;
/** Most values of one field that are kept: as many as a Model may list itself. More are identifiers, of which new ones are no surprise. */
export const categoriesMax = 10_000;
/** Most bytes of the values of one field, as JSON. */
const fieldBytesMax = 1024 ** 2;

/** The categories of one request field in the rows that a version was trained on. */
export interface FieldCategories {
  readonly field: string;
  /** How many different ones there were; a missing value is none. */
  readonly count: number;
  /** Ascending by code unit; null where they are too many to be kept (`categoriesMax`, or 1 MiB). */
  readonly values: readonly string[] | null;
}

/** The categories of a field from its values in the training rows; null is missing. O(rows + n log n) for n categories. */
export function fieldCategories(field: string, values: Iterable<string | null>): FieldCategories {
  const seen = new Set<string>();
  for (const value of values) if (value !== null) seen.add(value);
  const count = seen.size;
  if (count > categoriesMax) return { field, count, values: null };
  const kept = [...seen].sort();
  return { field, count, values: Buffer.byteLength(JSON.stringify(kept)) > fieldBytesMax ? null : kept };
}

export function encodeCategories(fields: readonly FieldCategories[]): Buffer {
  return Buffer.from(JSON.stringify({ format: 1, fields }));
}

/** EVL_FEATURES_CATEGORIES_INVALID for what is no file of categories of this format. */
export function decodeCategories(bytes: Uint8Array): readonly FieldCategories[] {
  let found: unknown;
  try {
    found = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    throw invalid(`it is not JSON (${error instanceof Error ? error.message : String(error)})`);
  }
  const { format, fields } = (found ?? {}) as { readonly format?: unknown; readonly fields?: unknown };
  if (format !== 1) throw invalid('its format is not 1');
  if (!Array.isArray(fields) || !fields.every(isField)) throw invalid('a field lacks its name, count or values');
  return fields;
}

function isField(value: unknown): value is FieldCategories {
  const { field, count, values } = (value ?? {}) as Partial<Record<keyof FieldCategories, unknown>>;
  if (typeof field !== 'string' || typeof count !== 'number') return false;
  return values === null || (Array.isArray(values) && values.every((each) => typeof each === 'string'));
}

function invalid(why: string): FeatureError {
  return new FeatureError('EVL_FEATURES_CATEGORIES_INVALID', `The categories of a version cannot be read: ${why}`);
}
