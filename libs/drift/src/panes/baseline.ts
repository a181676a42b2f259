import type { drift } from '@everloop/contracts';
import { fieldIndex, type FieldIndex, type FieldReference } from '@everloop/stats';

/** A frozen training distribution, ready for counting and judging. */
export interface Baseline {
  readonly model: string;
  readonly version: string;
  readonly fields: readonly { readonly reference: FieldReference; readonly index: FieldIndex }[];
}

/** Why a baseline cannot be used, or null: every count must have its bin. */
export function baselineProblem(message: drift.Baseline): string | null {
  for (const { field, kind, edges, categories, counts } of message.fields) {
    if (kind !== 'numeric' && kind !== 'categorical') return `field ${field} is of kind "${kind}"`;
    const bins = (kind === 'numeric' ? edges.length : categories.length) + 1;
    if (counts.length !== bins) return `field ${field} has ${counts.length} counts for ${bins} bins`;
    if (edges.some((edge, i) => i > 0 && !(edge > (edges[i - 1] ?? Infinity))))
      return `edges of field ${field} do not ascend`;
  }
  return null;
}

/** Prepares the lookups. The baseline must have no `baselineProblem`. */
export function prepareBaseline(message: drift.Baseline): Baseline {
  const fields = message.fields.map((field) => {
    const reference: FieldReference = { ...field, kind: field.kind === 'numeric' ? 'numeric' : 'categorical' };
    return { reference, index: fieldIndex(reference) };
  });
  return { model: message.model, version: message.modelVersion, fields };
}
