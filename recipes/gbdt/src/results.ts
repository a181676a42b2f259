import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from '@everloop/contracts';
import { buildFieldReference, type FieldReference, type FieldValue } from '@everloop/stats';
import type { Dataset, InputColumn } from './dataset.ts';

/** Training distribution of every input and of the score; the JSON form of drift.v1.Baseline. */
export interface Baseline {
  readonly model: string;
  /** Given by the registry later; empty in the file. */
  readonly modelVersion: string;
  readonly fields: readonly FieldReference[];
  readonly rows: number;
}

/**
 * Freezes the training rows' distribution. Scores are those of rows that were not fitted: on fitted rows a model is surer than it
 * will ever be again, and every window of real scores would look drifted.
 */
export function buildBaseline(model: string, dataset: Dataset, trainRows: Int32Array, scores: Float64Array): Baseline {
  const fields = dataset.columns.map((column) =>
    buildFieldReference(column.type === 'number' ? 'numeric' : 'categorical', column.name, valuesOf(column, trainRows)),
  );
  const score = buildFieldReference('numeric', 'score', Array.from(scores));
  return { model, modelVersion: '', fields: [...fields, score], rows: trainRows.length };
}

function valuesOf(column: InputColumn, rows: Int32Array): FieldValue[] {
  return Array.from(rows, (row) => column.values[row]);
}

/** Rows with the recipe's own scores, for the trainer to repeat with the model file. */
export interface Sample {
  readonly rows: readonly {
    /** In the order of the model file's columns; null is missing. */
    readonly numeric: readonly (number | null)[];
    readonly category: readonly string[];
    readonly score: number;
  }[];
}

/** Evenly spread rows of the dataset, at most `count`, and two that no data has: nothing known, and nothing seen before. */
export function sampleColumns(dataset: Dataset, count: number): readonly InputColumn[] {
  const step = Math.max(1, Math.ceil(dataset.rows / count));
  const rows = Array.from({ length: Math.ceil(dataset.rows / step) }, (_, index) => index * step);
  return dataset.columns.map((column) =>
    column.type === 'number'
      ? { ...column, values: Float32Array.from([...rows.map((row) => column.values[row] ?? NaN), NaN, 0]) }
      : { ...column, values: [...rows.map((row) => column.values[row] ?? ''), '', '\u{10FFFF} never seen'] },
  );
}

export function buildSample(columns: readonly InputColumn[], scores: Float64Array): Sample {
  const numeric = columns.filter((column) => column.type === 'number');
  const category = columns.filter((column) => column.type === 'category');
  return {
    rows: Array.from(scores, (score, row) => ({
      numeric: numeric.map((column) => finiteOrNull(column.values[row])),
      category: category.map((column) => column.values[row] ?? ''),
      score,
    })),
  };
}

function finiteOrNull(value: number | undefined): number | null {
  return value === undefined || Number.isNaN(value) ? null : value;
}

/** Writes a result file so that it appears whole or not at all. */
export async function writeResult(outDir: string, name: string, content: Uint8Array | object): Promise<void> {
  const bytes = content instanceof Uint8Array ? content : Buffer.from(canonicalJson(content));
  const staged = join(outDir, `.${name}.staged`);
  const file = await open(staged, 'w');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(staged, join(outDir, name));
}
