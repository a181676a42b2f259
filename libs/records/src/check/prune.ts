import type { FieldContract } from '@everloop/contracts';
import type { JsonRecord } from './verdict.ts';

/** `JSON.rawJSON` (ECMAScript proposal "JSON.parse source text access", in V8 since 11.4): a number as it was written. */
const withRawJson = JSON as typeof JSON & { rawJSON(text: string): unknown };

type Fields = Readonly<Record<string, FieldContract>>;

/**
 * The JSON of a record without the columns that its contract does not list, nested ones too. The order of keys is kept; numbers and texts
 * are written as JavaScript writes them, numbers of many digits as they were written.
 */
export function pruned(record: JsonRecord, fields: Fields, exact: JsonRecord | null): string {
  return JSON.stringify(pruneColumns(record, fields, exact));
}

function pruneColumns(record: JsonRecord, fields: Fields, exact: JsonRecord | null): JsonRecord {
  const kept: Record<string, unknown> = {};
  for (const column of Object.keys(record)) {
    const contract = Object.hasOwn(fields, column) ? fields[column] : undefined;
    if (contract !== undefined) kept[column] = pruneValue(record[column], contract, exact?.[column]);
  }
  return kept;
}

function pruneValue(value: unknown, contract: FieldContract | undefined, exact: unknown): unknown {
  if (typeof value === 'number') return typeof exact === 'string' ? withRawJson.rawJSON(exact) : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const texts = Array.isArray(exact) ? (exact as readonly unknown[]) : [];
    return value.map((item, i) => pruneValue(item, contract?.items, texts[i]));
  }
  const texts = exact as JsonRecord | undefined;
  if (contract?.fields !== undefined) return pruneColumns(value as JsonRecord, contract.fields, texts ?? null);
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, pruneValue(member, undefined, texts?.[name])]),
  );
}
