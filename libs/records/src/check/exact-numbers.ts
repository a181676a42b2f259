import type { FieldContract } from '@everloop/contracts';

/** A number that a double may not keep: 15 digits always survive (IEEE 754, binary64). */
const long = String.raw`-?[\d.]{16}`;
/** What precedes a number is never a quote, so long digits in texts, which are common, are none. */
const anyLong = new RegExp(String.raw`[:,[\s]${long}`);
const plainName = /^[\w .$-]+$/;

/**
 * Whether a JSON text may hold a decimal that a double would not keep, by the names of the decimal columns: then all of it is parsed again, at
 * several times the cost, which coordinates and other doubles with all their digits are not to cause. May say yes for nothing, never
 * no wrongly. Null when there are no decimals.
 */
export function compileWantsExact(fields: Readonly<Record<string, FieldContract>>): ((text: string) => boolean) | null {
  const names = new Set<string>();
  const isNamed = collect(fields, names);
  if (isNamed && names.size === 0) return null;
  if (!isNamed || ![...names].every((name) => plainName.test(name))) return (text) => anyLong.test(text);
  const choice = [...names].map((name) => name.replaceAll(/[.$-]/g, String.raw`\$&`)).join('|');
  const named = new RegExp(String.raw`"(?:${choice})"\s*:\s*${long}`);
  // A name may be written with escapes; only a letter by its number can stand for one of these.
  return (text) => named.test(text) || (text.includes(String.raw`\u`) && anyLong.test(text));
}

/** Adds the names of decimals, nested ones too; false when some have none, as the elements of an array. */
function collect(fields: Readonly<Record<string, FieldContract>>, names: Set<string>): boolean {
  let isNamed = true;
  for (const [name, { type, fields: nested, items }] of Object.entries(fields)) {
    if (type === 'decimal') names.add(name);
    if (nested !== undefined && !collect(nested, names)) isNamed = false;
    if (items !== undefined && (holdsUnnamed(items) || !collect(items.fields ?? {}, names))) isNamed = false;
  }
  return isNamed;
}

function holdsUnnamed({ type, items }: FieldContract): boolean {
  return type === 'decimal' || (items !== undefined && (items.type === 'object' || holdsUnnamed(items)));
}
