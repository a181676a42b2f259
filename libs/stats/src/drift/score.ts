import { orderFreeSum } from '../numerics/sum.ts';

/** One field of a window with what its drift is worth. */
export interface WeightedDrift {
  readonly field: string;
  /** Importance for the model, at least 0, in any unit: mean absolute Shapley value, gain. */
  readonly importance: number;
  readonly psi: number;
  /** Value that the index exceeds by chance alone; what is below it does not count. */
  readonly psiCritical: number;
}

/** How much drift the model itself sees. */
export interface DriftScore {
  /** Σ share of importance × excess of the index, nats; 0 when no index exceeds its critical value. */
  readonly score: number;
  /** Parts of the score, largest first, equal ones by name; fields without a part are left out. */
  readonly parts: readonly { readonly field: string; readonly part: number }[];
}

/**
 * Drift of the inputs weighed by what they mean to the model: half a unit in the most important input counts more than a large shift in one that it
 * hardly reads. Importances are shared out to 1; without any all fields count alike. O(fields log fields).
 *
 * Source: the excess over the critical value of B. Yurdakul and J. Naranjo (2020), Journal of Risk Model Validation 14(4), as a mean weighted by importance.
 *
 * @example
 * driftScore([{ field: 'a', importance: 3, psi: 0.3, psiCritical: 0.1 }, { field: 'b', importance: 1, psi: 0.05, psiCritical: 0.1 }]).score.toFixed(6) // → "0.150000"
 */
export function driftScore(fields: readonly WeightedDrift[]): DriftScore {
  const total = orderFreeSum(fields.map(({ importance }) => Math.max(0, importance)));
  const parts = fields
    .map(({ field, importance, psi, psiCritical }) => {
      const share = total === 0 ? 1 / fields.length : Math.max(0, importance) / total;
      return { field, part: share * Math.max(0, psi - psiCritical) };
    })
    .filter(({ part }) => part > 0)
    .sort((a, b) => b.part - a.part || (a.field < b.field ? -1 : 1));
  return { score: orderFreeSum(parts.map(({ part }) => part)), parts };
}
