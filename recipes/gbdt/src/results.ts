import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson, drift } from '@everloop/contracts';
import { buildReferences, plainReference, withImportance } from '@everloop/drift';
import type { Dataset, InputColumn } from './dataset.ts';
import type { Job } from './job.ts';

/**
 * Freezes the training rows' distribution. Scores are those of rows that were not fitted: on fitted rows a model is surer than it
 * will ever be again, and every window of real scores would look drifted. `importances`: of each column of the dataset, see `gainShares`.
 */
export function buildBaseline(
  job: Pick<Job, 'model' | 'inputs' | 'embeddings'>,
  dataset: Dataset,
  trainRows: Int32Array,
  { scores, importances }: { readonly scores: Float64Array; readonly importances: Float64Array },
): drift.Baseline {
  const texts = new Set(job.inputs.filter(({ text }) => text === true).map(({ name }) => name));
  const columns = dataset.columns.map((column) => ({
    name: column.name,
    type: column.type,
    text: texts.has(column.name),
    values: Array.from(trainRows, (row) => column.values[row]),
  }));
  const references = [
    ...buildReferences(columns, job.embeddings),
    plainReference('numeric', 'score', Array.from(scores)),
  ];
  const fields = withImportance(references, new Map(columns.map(({ name }, i) => [name, importances[i] ?? 0])));
  // The version is given by the registry later.
  return drift.Baseline.fromPartial({ model: job.model, fields: [...fields], rows: trainRows.length });
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
