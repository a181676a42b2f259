import type { ModelInput } from '@everloop/contracts';
import type { ShapleyStep } from '@everloop/stats';
import type { Packed } from './vector.ts';

/**
 * For each row of the background which columns of an instance (row `at` of `batch`) differ from it, 1 or 0: numbers first, then categories. Two
 * missing values are the same. O(rows × inputs).
 */
export function differences(batch: Packed, at: number, background: Packed): Uint8Array[] {
  const numbers = widthOf(background.numeric.length, background.rows);
  const texts = widthOf(background.categories.length, background.rows);
  return Array.from({ length: background.rows }, (_, row) => {
    const flags = new Uint8Array(numbers + texts);
    for (let column = 0; column < numbers; column += 1) {
      const same = Object.is(batch.numeric[at * numbers + column], background.numeric[row * numbers + column]);
      flags[column] = same ? 0 : 1;
    }
    for (let column = 0; column < texts; column += 1) {
      const same = batch.categories[at * texts + column] === background.categories[row * texts + column];
      flags[numbers + column] = same ? 0 : 1;
    }
    return flags;
  });
}

/** Rows that are partly the instance, partly the background, as the steps say. */
export function hybrids(steps: readonly ShapleyStep[], batch: Packed, at: number, background: Packed): Packed {
  const numbers = widthOf(background.numeric.length, background.rows);
  const texts = widthOf(background.categories.length, background.rows);
  const numeric = new Float32Array(steps.length * numbers);
  const categories: string[] = [];
  let into = 0;
  for (const { row, taken } of steps) {
    for (let column = 0; column < numbers; column += 1) {
      const isTaken = taken[column] === 1;
      const value = isTaken ? batch.numeric[at * numbers + column] : background.numeric[row * numbers + column];
      numeric[into++] = value ?? Number.NaN;
    }
    for (let column = 0; column < texts; column += 1) {
      const isTaken = taken[numbers + column] === 1;
      const value = isTaken ? batch.categories[at * texts + column] : background.categories[row * texts + column];
      categories.push(value ?? '');
    }
  }
  return { rows: steps.length, numeric, categories };
}

/** Values by packed column as values by input, in the order of the model's declaration. */
export function byInput(inputs: readonly Pick<ModelInput, 'type'>[], columns: Float64Array): Float64Array {
  let number = 0;
  let text = inputs.filter(({ type }) => type === 'number').length;
  return Float64Array.from(inputs, ({ type }) => columns[type === 'number' ? number++ : text++] ?? Number.NaN);
}

function widthOf(values: number, rows: number): number {
  return rows === 0 ? 0 : values / rows;
}
