import { hash } from 'node:crypto';
import { splitOf, splitParts, type SplitPart, type SplitSpec } from '@everloop/contracts';
import type { ColumnTable } from '@everloop/storage';
import { RecipeError } from './errors.ts';
import type { JobInput } from './job.ts';

/** Rows of one input as the model sees them. */
export type InputColumn =
  /** `[rows] float32`; NaN is missing. */
  | { readonly name: string; readonly type: 'number'; readonly values: Float32Array }
  /** The empty string is missing. */
  | { readonly name: string; readonly type: 'category'; readonly values: readonly string[] };

export interface Dataset {
  readonly rows: number;
  /** Numbers first, then categories, each in the order of the Model: the order of the model file's columns. */
  readonly columns: readonly InputColumn[];
  readonly joinKeys: readonly string[];
  readonly timesMs: Float64Array;
  /** Values of the split's column; null where the split has none. */
  readonly groups: readonly (string | null)[] | null;
  /** 0 or 1. */
  readonly labels: Uint8Array;
}

/** Rows by part of the split, ascending. */
export type SplitRows = Readonly<Record<SplitPart, Int32Array>>;

/** Takes a job's columns out of a table. @throws RecipeError EVL_RECIPE_DATASET_INVALID naming the missing or mistyped column. */
export function readDataset(table: ColumnTable, inputs: readonly JobInput[]): Dataset {
  const numbers = inputs.filter((input) => input.type === 'number');
  const categories = inputs.filter((input) => input.type === 'category');
  const columns: InputColumn[] = [
    ...numbers.map(({ name }) => ({
      name,
      type: 'number' as const,
      values: Float32Array.from(numbersOf(table, name)),
    })),
    ...categories.map(({ name }) => ({ name, type: 'category' as const, values: textsOf(table, name) })),
  ];
  return {
    rows: table.rows,
    columns,
    joinKeys: textsOf(table, '__join_key'),
    timesMs: numbersOf(table, '__time_ms'),
    groups: groupsOf(table),
    labels: Uint8Array.from(numbersOf(table, '__label'), (label) => (label > 0.5 ? 1 : 0)),
  };
}

/** Divides the rows; the same function divides them again in the trainer. */
export function splitRows(dataset: Dataset, split: SplitSpec): SplitRows {
  const parts = Object.fromEntries(splitParts.map((part) => [part, []])) as unknown as Record<SplitPart, number[]>;
  dataset.joinKeys.forEach((joinKey, row) => {
    const group = dataset.groups?.[row] ?? null;
    parts[splitOf({ joinKey, timeMs: dataset.timesMs[row] as number, group }, split)].push(row);
  });
  return Object.fromEntries(splitParts.map((part) => [part, Int32Array.from(parts[part])])) as unknown as SplitRows;
}

const dayMs = 86_400_000;
/** With fewer days than this, whole days are too coarse to part by. */
const daysMin = 10;

/**
 * Parts the training rows into those to fit and those that decide when to stop: whole days, by hash of the day and the seed. Rows
 * of one day resemble each other (weather, delays that propagate), so parting them at random would let training run too long;
 * taking the newest days would take away what matters most. With fewer than ten days single rows are hashed.
 */
export function partValidation(
  dataset: Dataset,
  rows: Int32Array,
  percent: number,
  seed: number,
): { readonly fit: Int32Array; readonly validation: Int32Array } {
  const dayOf = (row: number): string => String(Math.floor((dataset.timesMs[row] as number) / dayMs));
  const days = new Set(Array.from(rows, dayOf));
  const keyOf = days.size >= daysMin ? dayOf : (row: number): string => dataset.joinKeys[row] as string;
  const held = new Map<string, boolean>();
  const isHeld = (row: number): boolean => {
    const key = keyOf(row);
    const known = held.get(key);
    if (known !== undefined) return known;
    const share = hash('sha256', `validation\0${seed}\0${key}`, 'buffer').readUInt32BE(0) / 2 ** 32;
    held.set(key, share * 100 < percent);
    return share * 100 < percent;
  };
  return { fit: rows.filter((row) => !isHeld(row)), validation: rows.filter(isHeld) };
}

function groupsOf(table: ColumnTable): readonly (string | null)[] | null {
  const column = table.columns.get('__group');
  return column?.type === 'string' ? column.values : null;
}

function numbersOf(table: ColumnTable, name: string): Float64Array {
  const column = table.columns.get(name);
  if (column?.type === 'number') return column.values;
  throw wrongColumn(name, 'numbers', column?.type);
}

function textsOf(table: ColumnTable, name: string): readonly string[] {
  const column = table.columns.get(name);
  if (column?.type === 'string') return column.values.map((value) => value ?? '');
  // A category that is a number in the data is told apart by its text, as the gateway does.
  if (column?.type === 'number')
    return Array.from(column.values, (value) => (Number.isNaN(value) ? '' : String(value)));
  throw wrongColumn(name, 'text', undefined);
}

function wrongColumn(name: string, wanted: string, found: string | undefined): RecipeError {
  const what = found === undefined ? 'is missing' : `holds ${found}, not ${wanted}`;
  return new RecipeError('EVL_RECIPE_DATASET_INVALID', `column ${name} of the dataset ${what}`);
}
