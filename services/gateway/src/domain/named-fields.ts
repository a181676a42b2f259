import type { Column, Decoded } from './tensors.ts';

/** Most fields of one row: several times the widest model. */
const fieldsMax = 1_024;

/**
 * Fields by name as columns of one row: texts, numbers, booleans as 0 and 1. Null and undefined are absent. All that is wrong is reported
 * at once.
 */
export function columnsOfFields(fields: Readonly<Record<string, unknown>>): Decoded {
  const columns: Column[] = [];
  const reasons: string[] = [];
  for (const name in fields) {
    if (!Object.hasOwn(fields, name)) continue;
    const value = fields[name];
    if (value === null || value === undefined) continue;
    if (typeof value === 'string') columns.push({ name, datatype: 'BYTES', values: [value] });
    else if (typeof value === 'number') columns.push({ name, datatype: 'FP64', values: [value] });
    else if (typeof value === 'boolean') columns.push({ name, datatype: 'BOOL', values: [Number(value)] });
    else
      reasons.push(
        `feature '${name}' is ${Array.isArray(value) ? 'a list' : 'an object'}, expected a text, a number or a boolean`,
      );
  }
  const count = columns.length + reasons.length;
  if (count > fieldsMax) return { ok: false, reasons: [`the row has ${count} features, at most ${fieldsMax} may be`] };
  return reasons.length === 0 ? { ok: true, rows: 1, columns } : { ok: false, reasons };
}
