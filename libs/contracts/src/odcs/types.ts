/*
 * Shapes of the Open Data Contract Standard v3.1 (bitol.io, JSON schema `odcs-json-schema-v3.1.0`), as far as a Source has a counterpart.
 */

/** A key and a value that the standard has no place for. */
export interface CustomProperty {
  readonly property: string;
  readonly value: unknown;
}

/** A rule on the quality of a property or of a whole object. */
export interface OdcsQuality {
  readonly type?: 'library' | 'custom' | 'text' | 'sql';
  readonly name?: string;
  readonly description?: string;
  readonly metric?: string;
  readonly arguments?: Readonly<Record<string, unknown>>;
  readonly unit?: string;
  readonly mustBe?: unknown;
  readonly mustBeLessThan?: number;
  readonly mustBeLessOrEqualTo?: number;
  readonly mustBeGreaterThan?: number;
  readonly mustBeGreaterOrEqualTo?: number;
  readonly engine?: string;
  readonly implementation?: unknown;
  readonly customProperties?: readonly CustomProperty[];
}

export interface OdcsProperty {
  readonly name?: string;
  readonly logicalType?: string;
  readonly physicalType?: string;
  readonly logicalTypeOptions?: Readonly<Record<string, unknown>>;
  readonly description?: string;
  readonly required?: boolean;
  readonly unique?: boolean;
  readonly primaryKey?: boolean;
  readonly partitioned?: boolean;
  readonly properties?: readonly OdcsProperty[];
  readonly items?: OdcsProperty;
  readonly quality?: readonly OdcsQuality[];
  readonly customProperties?: readonly CustomProperty[];
}

/** One table, topic or file: what a Source is. */
export interface OdcsObject {
  readonly name: string;
  readonly physicalName?: string;
  readonly physicalType?: string;
  readonly properties?: readonly OdcsProperty[];
  readonly quality?: readonly OdcsQuality[];
  readonly customProperties?: readonly CustomProperty[];
}

export interface OdcsContract {
  readonly apiVersion: string;
  readonly kind: 'DataContract';
  readonly id: string;
  readonly name?: string;
  readonly version: string;
  readonly status: string;
  readonly servers?: readonly unknown[];
  readonly schema?: readonly OdcsObject[];
}

/** A Source as it is written in YAML. */
export interface WrittenSource {
  readonly name: string;
  readonly spec: Readonly<Record<string, unknown>>;
}

/** A field of a Source as it is written in YAML. */
export interface WrittenField {
  readonly type: string;
  readonly required?: boolean;
  readonly nullable?: boolean;
  readonly values?: readonly unknown[];
  readonly description?: string;
  readonly fields?: Readonly<Record<string, WrittenField>>;
  readonly items?: WrittenField;
  readonly [constraint: string]: unknown;
}

/** Something of a contract that a Source cannot say, or says differently. */
export interface OdcsNote {
  /** Where in the contract: `schema[0].properties[2].classification`. */
  readonly path: string;
  /** What became of it, and what to do. */
  readonly message: string;
}

/** Begins the names of custom properties that are Everloop's own. */
export const customPrefix = 'everloop';

/** `allowedLateness` → `everloopAllowedLateness`. */
export function customName(key: string): string {
  return `${customPrefix}${key.slice(0, 1).toUpperCase()}${key.slice(1)}`;
}

/** The inverse of `customName`; null for a name that is not Everloop's own. */
export function customKey(name: string): string | null {
  const key = name.startsWith(customPrefix) ? name.slice(customPrefix.length) : '';
  return key === '' ? null : `${key.slice(0, 1).toLowerCase()}${key.slice(1)}`;
}

/** Limits of a field that the standard has, by its names: those of Everloop, and for which logical types they are. */
export const typeOptions: Readonly<Record<string, { readonly key: string; readonly of: readonly string[] }>> = {
  minimum: { key: 'min', of: ['number', 'integer'] },
  maximum: { key: 'max', of: ['number', 'integer'] },
  minLength: { key: 'minLength', of: ['string'] },
  maxLength: { key: 'maxLength', of: ['string'] },
  pattern: { key: 'pattern', of: ['string'] },
  minItems: { key: 'minItems', of: ['array'] },
  maxItems: { key: 'maxItems', of: ['array'] },
};
