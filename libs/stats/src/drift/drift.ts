import { groupBins, sumByGroup } from '../bins/bins.ts';
import type { FieldCounts, FieldReference } from '../bins/field.ts';
import { ksFromBins, ksPValueAsymptotic } from '../hypotheses/ks.ts';
import { chiSquareTwoSample } from '../hypotheses/chi-square.ts';
import { benjaminiHochberg } from '../hypotheses/false-discovery.ts';
import { psi, psiCritical } from '../distances/psi.ts';

export interface DriftLimits {
  /** Effect floor of the stability index, nats. */
  readonly psi: number;
  /** False discovery rate over the fields, and level of the index's critical value. */
  readonly significance: number;
  /** Groups of bins for the index of a numeric field. Default 10. */
  readonly groups?: number;
}

/** How far one field of a window is from its reference. */
export interface FieldDistance {
  readonly field: string;
  /** Numeric fields only. */
  readonly ksStatistic?: number;
  readonly ksPValue?: number;
  /** What decides: Kolmogorov-Smirnov with the share of missing, or χ² for a categorical field; 1 when there is nothing to compare. */
  readonly pValue: number;
  readonly psi: number;
  readonly psiCritical: number;
  /** Share of the window's rows where the field is missing. */
  readonly missingRatio: number;
  readonly drifted: boolean;
}

function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Rows for the index: grouped, with missing as a group of its own where either side has it. */
function grouped(
  reference: FieldReference,
  current: FieldCounts,
  groups: number,
): readonly [readonly number[], readonly number[]] {
  const groupOf =
    reference.kind === 'numeric' ? groupBins(reference.counts, groups) : reference.counts.map((_, i) => i);
  const a = sumByGroup(reference.counts, groupOf);
  const b = sumByGroup(
    reference.counts.map((_, i) => current.counts[i] ?? 0),
    groupOf,
  );
  return reference.missing + current.missing === 0
    ? [a, b]
    : [
        [...a, reference.missing],
        [...b, current.missing],
      ];
}

/** Two looks at one numeric field: twice the smaller p-value (Bonferroni). */
function pValueWithMissing(pKs: number, reference: FieldReference, current: FieldCounts): number {
  if (reference.missing + current.missing === 0) return pKs;
  const present: readonly [number, number] = [total(reference.counts), total(current.counts)];
  const pMissing = chiSquareTwoSample([present[0], reference.missing], [present[1], current.missing]).pValue;
  return Math.min(1, 2 * Math.min(pKs, pMissing));
}

function distance(reference: FieldReference, current: FieldCounts, limits: DriftLimits): FieldDistance {
  const [a, b] = grouped(reference, current, limits.groups ?? 10);
  const n = total(a);
  const m = total(b);
  const common = {
    field: reference.field,
    psi: n === 0 || m === 0 ? 0 : psi(a, b),
    psiCritical: n === 0 || m === 0 ? 0 : psiCritical(a.length, n, m, limits.significance),
    missingRatio: m === 0 ? 0 : current.missing / m,
    drifted: false,
  };
  if (reference.kind === 'categorical') return { ...common, pValue: chiSquareTwoSample(a, b).pValue };
  const statistic = ksFromBins(reference.counts, current.counts);
  if (Number.isNaN(statistic)) return { ...common, pValue: pValueWithMissing(1, reference, current) };
  const pKs = ksPValueAsymptotic(statistic, total(reference.counts), total(current.counts));
  return { ...common, ksStatistic: statistic, ksPValue: pKs, pValue: pValueWithMissing(pKs, reference, current) };
}

/**
 * Judges the fields of one window together. A field has drifted when its test is significant after Benjamini-Hochberg over all fields
 * given AND its stability index reaches both the floor and its own critical value: the test alone alarms on differences too small to
 * matter, the index alone on small windows. Missing is a group of its own in the index, and a numeric field's test is the
 * smaller of Kolmogorov-Smirnov on the present rows and χ² on present against missing. O(fields × bins).
 *
 * Source: Smirnov (1939); Yurdakul and Naranjo (2020); Benjamini and Hochberg (1995); see `ksFromBins`, `psi`, `psiCritical`.
 *
 * @example
 * judgeFields([{ reference: buildFieldReference('categorical', 'c', ['a', 'b']), current: { field: 'c', counts: [1, 1, 0], missing: 0 } }], { psi: 0.1, significance: 0.01 })[0].drifted // → false
 */
export function judgeFields(
  pairs: readonly { readonly reference: FieldReference; readonly current: FieldCounts }[],
  limits: DriftLimits,
): readonly FieldDistance[] {
  const distances = pairs.map(({ reference, current }) => distance(reference, current, limits));
  const significant = benjaminiHochberg(
    distances.map(({ pValue }) => pValue),
    limits.significance,
  );
  return distances.map((field, i) => ({
    ...field,
    drifted: significant[i] === true && field.psi >= Math.max(limits.psi, field.psiCritical),
  }));
}
