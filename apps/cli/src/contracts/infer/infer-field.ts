import type { FieldContract, FieldType } from '@everloop/contracts';
import { isEpochMs } from './record-profile.ts';
import type { ValueProfile } from './value-profile.ts';

/** A contract with what it is drawn from, as a sentence, for every place that has one. */
export interface Inferred {
  readonly contract: FieldContract;
  /** Why the contract is what it is. */
  readonly evidence: string;
  readonly fields: ReadonlyMap<string, Inferred>;
  readonly items: Inferred | null;
}

export interface InferOptions {
  /** How much further than what was seen a range reaches on either side, as a share of what was seen; null for no ranges. */
  readonly margin: number | null;
}

/** Names that a Source can list. */
export const fieldName = /^[A-Za-z][A-Za-z0-9_]{0,62}$/;
/** Fewest values to believe that a set is closed. */
const setEvidenceMin = 50;
const setSizeMax = 20;

/** The contract of the values at one place, of which there could be `possible`. */
export function inferField(name: string, profile: ValueProfile, possible: number, options: InferOptions): Inferred {
  const { present, nulls } = profile;
  const type = typeOf(name, profile);
  const isAlwaysThere = present + nulls === possible;
  const fields = type === 'object' ? inferFields(profile, options) : new Map<string, Inferred>();
  const items =
    type === 'array' && profile.items !== null && profile.items.present > 0
      ? inferField('', profile.items, profile.items.present + profile.items.nulls, options)
      : null;
  const contract: FieldContract = {
    type,
    required: isAlwaysThere && present > 0,
    ...(isAlwaysThere && present > 0 && nulls > 0 ? { nullable: true } : {}),
    ...limits(type, profile, options),
    ...(fields.size === 0
      ? {}
      : { fields: Object.fromEntries([...fields].map(([key, { contract: own }]) => [key, own])) }),
    ...(items === null ? {} : { items: items.contract }),
  };
  return { contract, evidence: evidenceOf(type, profile, possible), fields, items };
}

export function inferFields(profile: ValueProfile, options: InferOptions): Map<string, Inferred> {
  const named = [...profile.fields].filter(([name]) => fieldName.test(name));
  return new Map(named.map(([name, field]) => [name, inferField(name, field, profile.objects, options)]));
}

/** The type that all values have, or else most of them. */
function typeOf(name: string, profile: ValueProfile): FieldType {
  const { booleans, integers, fractions, texts, objects, arrays, present, times, decimals, digits } = profile;
  if (present === 0) return 'string';
  if (
    integers === present &&
    isEpochMs(profile.min) &&
    isEpochMs(profile.max) &&
    /time|date|stamp|_at$|At$|_ms$|^ts$|^at$/i.test(name)
  )
    return 'timestamp';
  if (texts === present && times === present) return 'timestamp';
  if (decimals > 0 && decimals + digits === texts && texts + integers + fractions === present) return 'decimal';
  // Beyond 2^53 a wire format's integers come as digits.
  if (digits > 0 && integers > 0 && digits + integers === present) return 'decimal';
  const candidates: readonly (readonly [FieldType, number])[] = [
    ['integer', fractions > 0 ? 0 : integers],
    ['number', fractions > 0 ? integers + fractions : 0],
    ['string', texts],
    ['boolean', booleans],
    ['object', objects],
    ['array', arrays],
  ];
  return candidates.reduce((best, one) => (one[1] > best[1] ? one : best))[0];
}

function limits(type: FieldType, profile: ValueProfile, { margin }: InferOptions): Partial<FieldContract> {
  switch (type) {
    case 'integer':
    case 'number':
      return margin === null ? {} : widened(profile.min, profile.max, margin, type === 'integer');
    case 'decimal':
      // How many digits there may be is not known from what was seen; how many come after the point is a property of the type.
      return { scale: profile.scale };
    case 'string': {
      const values = closedSet(profile);
      return values === null ? {} : { values };
    }
    default:
      return {};
  }
}

/** The range that was seen, wider by the margin and rounded outwards; what was never negative stays so. */
export function widened(
  min: number,
  max: number,
  margin: number,
  isWhole: boolean,
): Pick<FieldContract, 'min' | 'max'> {
  if (!Number.isFinite(min) || !Number.isFinite(max)) return {};
  const room = (max - min) * margin;
  const step = isWhole ? Math.max(1, powerOfTen(room)) : powerOfTen(room === 0 ? Math.abs(max) * margin : room);
  const low = outside(roundTo(min - room, step, Math.floor), min, Math.min);
  return {
    min: min >= 0 ? Math.max(0, low) : low,
    max: outside(roundTo(max + room, step, Math.ceil), max, Math.max),
  };
}

/** Rounding at the ends of what a double can hold may give anything; what was seen is always inside. */
function outside(rounded: number, bound: number, choose: (a: number, b: number) => number): number {
  return Number.isFinite(rounded) ? choose(rounded, bound) : bound;
}

function powerOfTen(value: number): number {
  return value <= 0 ? 1 : 10 ** Math.floor(Math.log10(value));
}

function roundTo(value: number, step: number, round: (value: number) => number): number {
  // Fifteen digits: what a double keeps (IEEE 754); otherwise 0.30000000000000004 would be written.
  return Number((round(value / step) * step).toPrecision(15));
}

/**
 * Texts that are a closed set: few, and none of them seen only once, so that the estimated chance of one that was not seen is 0 (Good
 * 1953, "The population frequencies of species", equation 1: singletons over observations).
 */
function closedSet({ values, texts, times, decimals }: ValueProfile): readonly string[] | null {
  if (values === null || texts < setEvidenceMin || values.size < 2 || values.size > setSizeMax || times + decimals > 0)
    return null;
  const counts = [...values.values()];
  return counts.includes(1) || texts < values.size * 5 ? null : [...values.keys()].sort();
}

function evidenceOf(type: FieldType, profile: ValueProfile, possible: number): string {
  const { present, nulls } = profile;
  const absent = possible - present - nulls;
  const parts = [`${present.toLocaleString('en-US')} of ${possible.toLocaleString('en-US')} have it`];
  if (nulls > 0) parts.push(`null in ${percent(nulls, possible)}`);
  if (absent > 0) parts.push(`absent in ${percent(absent, possible)}`);
  if (present === 0) return `${parts.join(', ')}; its type is a guess`;
  const other = present - fitting(type, profile);
  if (other > 0) parts.push(`${other.toLocaleString('en-US')} are of another type and would be quarantined`);
  return `${parts.join(', ')}${seen(type, profile)}`;
}

/** Values that have the type. */
function fitting(type: FieldType, profile: ValueProfile): number {
  switch (type) {
    case 'integer':
      return profile.integers;
    case 'number':
      return profile.integers + profile.fractions;
    case 'string':
      return profile.texts;
    case 'boolean':
      return profile.booleans;
    case 'object':
      return profile.objects;
    case 'array':
      return profile.arrays;
    case 'timestamp':
    case 'decimal':
      return profile.present;
  }
}

function seen(type: FieldType, profile: ValueProfile): string {
  switch (type) {
    case 'integer':
    case 'number':
    case 'decimal':
      return `; from ${profile.min} to ${profile.max}`;
    case 'string': {
      const { values, charsMin, charsMax } = profile;
      const length = charsMin === charsMax ? `${charsMin}` : `${charsMin} to ${charsMax}`;
      return `; ${length} characters, ${values === null ? 'many' : values.size} different`;
    }
    case 'array':
      return `; ${profile.itemsMin} to ${profile.itemsMax} elements`;
    default:
      return '';
  }
}

/** @example percent(1, 3) // '33.3 %' */
export function percent(part: number, whole: number): string {
  const share = (part / whole) * 100;
  return share < 0.1 ? 'under 0.1 %' : `${share.toFixed(1)} %`;
}
