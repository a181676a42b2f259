import type { ModelInput } from '@everloop/contracts';

/** The inputs of one row in the order of the model's declaration; null where a value is missing. */
export interface FeatureRow {
  readonly values: readonly (string | number | null)[];
  /** Feature views that were absent, too old or not reachable. */
  readonly degradedViews: readonly string[];
  /** How old the newest that each view of the model has is, milliseconds, in their order; -1: it has nothing, or could not be asked. */
  readonly viewAgesMs: readonly number[];
}

/** What a model file takes: `numeric` float32 [rows, numbers], NaN = missing; `categories` row-major [rows, categories], '' = missing. */
export interface Packed {
  readonly rows: number;
  readonly numeric: Float32Array;
  readonly categories: string[];
}

/** Numbers of small batches are views of a slab, since each array buffer of its own costs the garbage collector more than its bytes. */
const slabNumbers = 16_384;
let slab = new Float32Array(slabNumbers);
let slabUsed = 0;

function newNumbers(count: number): Float32Array {
  if (count > slabNumbers / 16) return new Float32Array(count);
  if (slabUsed + count > slabNumbers) {
    slab = new Float32Array(slabNumbers);
    slabUsed = 0;
  }
  const from = slabUsed;
  slabUsed += count;
  return slab.subarray(from, slabUsed);
}

/** Packs rows for the model file: numbers and categories apart, each in the order of the model's inputs. O(rows × inputs). */
export function pack(inputs: readonly Pick<ModelInput, 'type'>[], rows: readonly FeatureRow[]): Packed {
  let numbers = 0;
  for (const { type } of inputs) if (type === 'number') numbers += 1;
  const numeric = newNumbers(rows.length * numbers);
  const categories: string[] = [];
  let at = 0;
  for (const { values } of rows) {
    for (let index = 0; index < inputs.length; index += 1) {
      const value = values[index] ?? null;
      if (inputs[index]?.type === 'number') numeric[at++] = typeof value === 'number' ? value : Number.NaN;
      else categories.push(value === null ? '' : String(value));
    }
  }
  return { rows: rows.length, numeric, categories };
}
