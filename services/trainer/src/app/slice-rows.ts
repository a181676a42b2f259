import { compileSlices, type ModelSpec, type SliceOperand } from '@everloop/contracts';
import type { ColumnTable } from '@everloop/storage';

type Value = string | number | null;

/** Reads an operand of a row; null: the training set has no such column. */
function readerOf(table: ColumnTable, operand: SliceOperand): ((row: number) => Value) | null {
  const column = table.columns.get(operand.in === 'joinKey' ? '__join_key' : operand.name);
  if (column === undefined) return null;
  if (operand.in === 'joinKey' && operand.isNumber) return (row) => Number(column.values[row]);
  return (row) => {
    const value = column.values[row] ?? null;
    return typeof value === 'number' && Number.isNaN(value) ? null : value;
  };
}

/**
 * Which of `rows` are in each slice of a Model, in the order of the Model. A slice that asks for a request field that the training set does not
 * have is left out. O(rows × operands).
 */
export function sliceRows(
  table: ColumnTable,
  spec: Pick<ModelSpec, 'inputs' | 'joinKey' | 'request' | 'slices'>,
  rows: Int32Array,
): readonly { readonly name: string; readonly rows: Int32Array }[] {
  return compileSlices(spec).flatMap(({ name, operands, holds }) => {
    const readers = operands.map((operand) => readerOf(table, operand));
    const known = readers.filter((reader) => reader !== null);
    if (known.length < readers.length) return [];
    return [{ name, rows: rows.filter((row) => holds(known.map((read) => read(row)))) }];
  });
}
