import type { ModelInput } from '@everloop/contracts';

/** The inputs of one row in the order of the model's declaration; null where a value is missing. */
export interface FeatureRow {
  readonly values: readonly (string | number | null)[];
  /** Feature views that were absent, too old or not reachable. */
  readonly degradedViews: readonly string[];
}

/** What a model file takes: `numeric` float32 [rows, numbers], NaN = missing; `categories` row-major [rows, categories], '' = missing. */
export interface Packed {
  readonly rows: number;
  readonly numeric: Float32Array;
  readonly categories: string[];
}

/** Packs rows for the model file: numbers and categories apart, each in the order of the model's inputs. O(rows × inputs). */
export function pack(inputs: readonly Pick<ModelInput, 'type'>[], rows: readonly FeatureRow[]): Packed {
  const numbers = inputs.filter((input) => input.type === 'number').length;
  const numeric = new Float32Array(rows.length * numbers);
  const categories: string[] = [];
  let at = 0;
  for (const row of rows) {
    for (const [index, input] of inputs.entries()) {
      const value = row.values[index] ?? null;
      if (input.type === 'number') numeric[at++] = typeof value === 'number' ? value : Number.NaN;
      else categories.push(value === null ? '' : String(value));
    }
  }
  return { rows: rows.length, numeric, categories };
}
