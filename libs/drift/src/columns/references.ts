import { drift } from '@everloop/contracts';
import { buildFieldReference, type FieldKind, type FieldValue } from '@everloop/stats';
import { embeddingReferences } from './embedding-references.ts';
import { attributionReference, verdictReference } from './service-references.ts';
import { textReferences } from './text-references.ts';
import type { EmbeddingColumns, TrainingColumn } from './training-columns.ts';

/** A column of its own, as it is. */
export function plainReference(kind: FieldKind, field: string, values: readonly FieldValue[]): drift.FieldReference {
  return drift.FieldReference.fromPartial(buildFieldReference(kind, field, values));
}

function isBoolean(values: readonly FieldValue[]): boolean {
  const present = values.filter((value) => value !== null && value !== undefined && !Number.isNaN(value));
  return present.length > 0 && present.every((value) => value === 0 || value === 1);
}

/**
 * A number of which there are but 0 and 1 is a boolean: two categories, tested by χ², which unlike Kolmogorov and Smirnov's law is right
 * for two values; another number is then "other".
 */
function inputReferences({ name, type, text, values }: TrainingColumn): readonly drift.FieldReference[] {
  const all = Array.from(values);
  if (text === true) return textReferences(name, all);
  return [plainReference(type === 'category' || isBoolean(all) ? 'categorical' : 'numeric', name, all)];
}

/**
 * The frozen distribution of everything that is watched of a model but its score: each input as it is, but texts and embeddings by their measures, then
 * the gate's verdict and the attributions, whose reference is learned in service. Of an embedding's inputs there is no column each: hundreds
 * of them would only hide each other. Depends on no order but that of the rows. O(rows × inputs log rows).
 */
export function buildReferences(
  columns: readonly TrainingColumn[],
  embeddings: readonly EmbeddingColumns[],
): readonly drift.FieldReference[] {
  const embedded = new Set(embeddings.flatMap(({ inputs }) => inputs));
  const single = columns.filter(({ name }) => !embedded.has(name));
  return [
    ...single.flatMap(inputReferences),
    ...embeddings.flatMap((embedding) => embeddingReferences(embedding, columns)),
    verdictReference(),
    ...single.map(({ name }) => attributionReference(name)),
  ];
}
