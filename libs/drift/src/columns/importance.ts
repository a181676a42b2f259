import type { drift } from '@everloop/contracts';

/** Columns that say something about what happened to a row, not what went into the model. */
const withoutInput = new Set(['verdict', 'attribution']);

/** The inputs that a column is made of; none of the score, verdicts and attributions. */
function inputsOf({ field, measure }: drift.FieldReference): readonly string[] {
  if (measure === undefined) return [field];
  return withoutInput.has(measure.kind) ? [] : measure.inputs;
}

/**
 * The columns with their importance, given what each input means to the model. A column that is its input has that of its input. Of a text or an
 * embedding there are several columns: they share out equally what its inputs mean, so that columns of one thing add up to it and a text does
 * not count four times. The score, verdicts and attributions are no inputs: 0. O(columns).
 */
export function withImportance(
  references: readonly drift.FieldReference[],
  importanceOf: ReadonlyMap<string, number>,
): readonly drift.FieldReference[] {
  const keyOf = (reference: drift.FieldReference): string => inputsOf(reference).join('\n');
  const sisters = new Map<string, number>();
  for (const reference of references) sisters.set(keyOf(reference), (sisters.get(keyOf(reference)) ?? 0) + 1);
  return references.map((reference) => {
    const sum = inputsOf(reference).reduce((total, input) => total + (importanceOf.get(input) ?? 0), 0);
    return { ...reference, importance: sum / (sisters.get(keyOf(reference)) ?? 1) };
  });
}
