import type { ModelSpec, RequestField } from '@everloop/contracts';
import type { Column } from './tensors.ts';

/** One row of request fields by name, as the model's contract wants them. */
export type RequestRow = Readonly<Record<string, string | number>>;

export type Checked =
  | { readonly ok: true; readonly rows: readonly RequestRow[] }
  | { readonly ok: false; readonly reasons: readonly string[] };

const valueCharsMax = 4096;

function fieldReason(field: RequestField, column: Column | undefined): string | null {
  if (column === undefined) return `field '${field.name}' (${field.type}) is missing`;
  const isText = column.datatype === 'BYTES';
  if (isText !== (field.type === 'string')) {
    const expected = field.type === 'string' ? 'BYTES' : 'FP64, FP32, INT64 or INT32';
    return `field '${field.name}' has datatype ${column.datatype}, expected ${expected}`;
  }
  for (const [row, value] of column.values.entries()) {
    if (typeof value === 'number' && !Number.isFinite(value)) return `field '${field.name}' row ${row} is ${value}`;
    if (typeof value === 'string' && value.length > valueCharsMax) {
      return `field '${field.name}' row ${row} has ${value.length} characters, at most ${valueCharsMax}`;
    }
  }
  return null;
}

/**
 * The gate before every prediction: exactly the model's request fields, of the right type, every number finite, the join key not
 * empty. All reasons are reported at once.
 */
export function checkContract(
  spec: Pick<ModelSpec, 'request' | 'joinKey'>,
  columns: readonly Column[],
  rows: number,
): Checked {
  const byName = new Map(columns.map((column) => [column.name, column]));
  const reasons: string[] = [];
  for (const field of spec.request) {
    const reason = fieldReason(field, byName.get(field.name));
    if (reason !== null) reasons.push(reason);
  }
  const known = new Set(spec.request.map((field) => field.name));
  for (const column of columns) {
    if (!known.has(column.name)) {
      reasons.push(`input '${column.name}' is not a request field (${[...known].join(', ')})`);
    }
  }
  byName.get(spec.joinKey)?.values.forEach((value, row) => {
    if (value === '') reasons.push(`join key '${spec.joinKey}' row ${row} is empty`);
  });
  if (reasons.length > 0) return { ok: false, reasons };
  const out: Record<string, string | number>[] = Array.from({ length: rows }, () => ({}));
  for (const field of spec.request) {
    const values = byName.get(field.name)?.values ?? [];
    out.forEach((row, index) => {
      const value = values[index];
      if (value !== undefined) row[field.name] = value;
    });
  }
  return { ok: true, rows: out };
}
