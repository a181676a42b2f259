import { parseDecimal, sha256Hex, type FieldContract, type SourceSpec, type UniqueRule } from '@everloop/contracts';
import { parseTimestamp, type JsonRecord } from '@everloop/records/check';

/** The text that stands for a record's values under a rule; null when one of them is absent or null, which is equal to nothing. */
export type UniqueKey = (record: JsonRecord) => string | null;

/** Longest key that is kept as it is, characters; of longer ones the digest. */
const keyCharsMax = 64;

/** Name of a rule in the changelog: other columns or another time make another rule. */
export function ruleId({ fields, withinMs }: UniqueRule): string {
  return sha256Hex(JSON.stringify([fields, withinMs])).slice(0, 8);
}

/** Compiles how a rule compares records: by value, so that 1.50 and 1.5 are one decimal, and two spellings of a time one time. */
export function compileUniqueKey({ fields }: UniqueRule, spec: Pick<SourceSpec, 'fields'>): UniqueKey {
  const columns = fields.map((name) => ({ name, type: spec.fields[name]?.type ?? 'string' }));
  return (record) => {
    const values: unknown[] = [];
    for (const { name, type } of columns) {
      const value = Object.hasOwn(record, name) ? record[name] : undefined;
      if (value === undefined || value === null) return null;
      values.push(comparable(type, value));
    }
    const text = JSON.stringify(values);
    return text.length <= keyCharsMax ? text : `sha256:${sha256Hex(text)}`;
  };
}

function comparable(type: FieldContract['type'], value: unknown): unknown {
  if (type === 'timestamp') return parseTimestamp(value);
  if (type !== 'decimal' || (typeof value !== 'string' && typeof value !== 'number')) return value;
  const decimal = parseDecimal(String(value));
  return decimal === null ? value : `${decimal.digits}e-${decimal.scale}`;
}
