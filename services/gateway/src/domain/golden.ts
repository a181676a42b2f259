import type { ModelInput } from '@everloop/contracts';
import type { GoldenRows } from '@everloop/features';
import type { FeatureRow } from './vector.ts';

/**
 * Largest distance of a score from training's. The inputs must be the same to the last bit of a float32; the sums of a model may be added
 * in another order on another processor, a few float32 roundings (6e-8 each) of a score in [0, 1].
 */
export const scoreToleranceMax = 1e-6;

/** The first input of the first row that is another one than in training, in words with both values; null: none. O(rows × inputs). */
export function inputDifference(
  inputs: readonly Pick<ModelInput, 'name' | 'type'>[],
  golden: GoldenRows,
  replayed: readonly FeatureRow[],
): string | null {
  const names = inputs.map(({ name }) => name);
  if (names.join() !== golden.inputs.join())
    return `the inputs in training were ${golden.inputs.join(', ')}, the model has ${names.join(', ')}`;
  for (const [row, { inputs: trained }] of golden.rows.entries()) {
    for (const [index, { name, type }] of inputs.entries()) {
      const [then, now] = [trained[index] ?? null, replayed[row]?.values[index] ?? null];
      if (packedAs(type, then) === packedAs(type, now)) continue;
      return `row ${row}, input ${name}: ${String(then)} in training, ${String(now)} here`;
    }
  }
  return null;
}

/** The first score that is further from training's than is tolerated, or is none; null: none. */
export function scoreDifference({ rows }: GoldenRows, scores: ArrayLike<number>): string | null {
  for (const [row, { score }] of rows.entries()) {
    const now = scores[row] ?? Number.NaN;
    if (Math.abs(now - score) <= scoreToleranceMax) continue;
    return `row ${row}, score: ${score} in training, ${now} here (tolerated: ${scoreToleranceMax})`;
  }
  return null;
}

/** As the model file sees it; text, so that missing numbers are equal. */
function packedAs(type: ModelInput['type'], value: string | number | null): string {
  if (type === 'category') return value === null ? '' : String(value);
  return String(typeof value === 'number' ? Math.fround(value) : Number.NaN);
}
