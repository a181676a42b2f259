import { splitOf, type SplitRow, type SplitSpec } from '@everloop/contracts';
import type { ColumnTable } from '@everloop/storage';
import { trainerError } from '../errors.ts';
import type { RecipeInput, Rows, Scorer } from '../ports.ts';

/** Rows in one run of a model: a few megabytes in a message. */
const batchRows = 2_048;

/** A training set as the trainer needs it: where each row belongs, and its label. */
export interface Holdouts {
  readonly timeHoldout: Int32Array;
  readonly fixedHoldout: Int32Array;
  readonly rowOf: (row: number) => SplitRow;
  readonly labelsOf: (rows: Int32Array) => Uint8Array;
}

/** Finds the holdout rows of a training set, by the function that the recipe divided it with. */
export function findHoldouts(table: ColumnTable, split: SplitSpec): Holdouts {
  const joinKeys = texts(table, '__join_key');
  const times = numbers(table, '__time_ms');
  const labels = numbers(table, '__label');
  const groups = table.columns.get('__group');
  const groupOf = (row: number): string | null => (groups?.type === 'string' ? (groups.values[row] ?? null) : null);
  const rowOf = (row: number) => ({ joinKey: joinKeys[row] ?? '', timeMs: times[row] ?? NaN, group: groupOf(row) });
  const parts: Record<'timeHoldout' | 'fixedHoldout', number[]> = { timeHoldout: [], fixedHoldout: [] };
  for (let row = 0; row < table.rows; row += 1) {
    const part = splitOf(rowOf(row), split);
    if (part === 'timeHoldout' || part === 'fixedHoldout') parts[part].push(row);
  }
  return {
    timeHoldout: Int32Array.from(parts.timeHoldout),
    fixedHoldout: Int32Array.from(parts.fixedHoldout),
    rowOf,
    labelsOf: (rows) => Uint8Array.from(rows, (row) => ((labels[row] ?? 0) > 0.5 ? 1 : 0)),
  };
}

/** Scores of rows by a loaded model, `[rows.length]`, in batches. */
export async function scoreRows(
  scorer: Scorer,
  key: string,
  table: ColumnTable,
  inputs: readonly RecipeInput[],
  rows: Int32Array,
  timeoutMs: number,
): Promise<Float64Array> {
  const numeric = inputs.filter((input) => input.type === 'number').map((input) => numbers(table, input.name));
  const categories = inputs.filter((input) => input.type === 'category').map((input) => texts(table, input.name));
  const scores = new Float64Array(rows.length);
  for (let from = 0; from < rows.length; from += batchRows) {
    const part = rows.subarray(from, from + batchRows);
    scores.set(await scorer.run(key, toRows(numeric, categories, part), { timeoutMs }), from);
  }
  return scores;
}

function toRows(numeric: readonly Float64Array[], categories: readonly (readonly string[])[], rows: Int32Array): Rows {
  const numbersOfRows = new Float32Array(rows.length * numeric.length);
  const textsOfRows: string[] = [];
  let at = 0;
  for (const row of rows) {
    for (const column of numeric) numbersOfRows[at++] = column[row] ?? NaN;
    for (const column of categories) textsOfRows.push(column[row] ?? '');
  }
  return { rows: rows.length, numeric: numbersOfRows, categories: textsOfRows };
}

function numbers(table: ColumnTable, name: string): Float64Array {
  const column = table.columns.get(name);
  if (column?.type === 'number') return column.values;
  throw missing(name, 'numbers');
}

function texts(table: ColumnTable, name: string): readonly string[] {
  const column = table.columns.get(name);
  if (column?.type === 'string') return column.values.map((value) => value ?? '');
  if (column?.type === 'number')
    return Array.from(column.values, (value) => (Number.isNaN(value) ? '' : String(value)));
  throw missing(name, 'text');
}

function missing(name: string, wanted: string): Error {
  return trainerError('EVL_TRAINER_DATASET_INVALID', `the training set has no column ${name} of ${wanted}`);
}
