import { groupBins, sumByGroup } from '../bins/bins.ts';
import type { FieldCounts, FieldReference } from '../bins/field.ts';
import { ksFromBins, ksPValueAsymptotic } from '../hypotheses/ks.ts';
import { chiSquareTwoSample } from '../hypotheses/chi-square.ts';
import { falseDiscoveryAdjusted } from '../hypotheses/false-discovery.ts';
import { jensenShannon } from '../distances/divergence.ts';
import { psi, psiCritical } from '../distances/psi.ts';

export interface DriftLimits {
  /** Effect floor of the stability index, nats. */
  readonly psi: number;
  /** False discovery rate over the fields, and level of the index's critical value. */
  readonly significance: number;
  /** Groups of bins for the index of a numeric field. Default 10. */
  readonly groups?: number;
}

/** A field of a window beside its reference. */
export interface FieldPair {
  readonly reference: FieldReference;
  readonly current: FieldCounts;
  /**
   * Rows that are worth one independent row, at least 1 (`clusterEffect`): the tests and the critical value are then those of so many
   * fewer rows. Default 1 on both sides.
   */
  readonly designEffect?: { readonly reference: number; readonly current: number };
  /** What differs from the limits of all fields. */
  readonly limits?: {
    readonly psi?: number;
    readonly significance?: number;
    /** A larger share of missing values is drift, whatever the tests say. */
    readonly missingRatio?: number;
  };
}

/** The test that decided: the present values, the categories, or missing against present. */
export type FieldTest = 'ks' | 'chi-square' | 'missing';

/** How far one field of a window is from its reference. */
export interface FieldDistance {
  readonly field: string;
  /** Numeric fields only. */
  readonly ksStatistic?: number;
  readonly ksPValue?: number;
  /** What decides: Kolmogorov-Smirnov with the share of missing, or χ² for a categorical field; 1 when there is nothing to compare. */
  readonly pValue: number;
  readonly test: FieldTest;
  /** p-value after Benjamini-Hochberg over the fields that were judged together. */
  readonly qValue: number;
  readonly psi: number;
  readonly psiCritical: number;
  /** Share of the window's rows where the field is missing. */
  readonly missingRatio: number;
  /** Jensen-Shannon distance, base 2, on the groups of the index; for reading, it decides nothing. 0 when there is nothing to compare. */
  readonly jensenShannon: number;
  /** Rows of the window, missing ones included, over their design effect. */
  readonly effectiveRows: number;
  readonly drifted: boolean;
}

function total(counts: readonly number[]): number {
  let sum = 0;
  for (const count of counts) sum += count;
  return sum;
}

interface Grouping {
  readonly groups: number;
  readonly groupOf: readonly number[];
  readonly sums: readonly number[];
}

/** Groups of a reference, which is frozen: each window is judged on the same ones. */
const groupings = new WeakMap<FieldReference, Grouping>();

function groupingOf(reference: FieldReference, groups: number): Grouping {
  const known = groupings.get(reference);
  if (known?.groups === groups) return known;
  const { kind, counts } = reference;
  const groupOf = kind === 'numeric' ? groupBins(counts, groups) : counts.map((_, i) => i);
  const grouping = { groups, groupOf, sums: sumByGroup(counts, groupOf) };
  groupings.set(reference, grouping);
  return grouping;
}

/** Rows for the index: grouped, with missing as a group of its own where either side has it. */
function grouped(
  reference: FieldReference,
  current: FieldCounts,
  groups: number,
): readonly [readonly number[], readonly number[]] {
  const { groupOf, sums: a } = groupingOf(reference, groups);
  const b: number[] = a.map(() => 0);
  for (let i = 0; i < groupOf.length; i += 1) {
    const group = groupOf[i] ?? 0;
    b[group] = (b[group] ?? 0) + (current.counts[i] ?? 0);
  }
  return reference.missing + current.missing === 0
    ? [a, b]
    : [
        [...a, reference.missing],
        [...b, current.missing],
      ];
}

/** χ² of counts worth less than their rows: the first-order correction of Rao and Scott (1981), JASA 76, 221-230. */
function chiSquareOf(
  a: readonly number[],
  b: readonly number[],
  effect: { readonly reference: number; readonly current: number },
): number {
  const worth = (counts: readonly number[], each: number): readonly number[] => counts.map((count) => count / each);
  return chiSquareTwoSample(worth(a, effect.reference), worth(b, effect.current)).pValue;
}

const independent = { reference: 1, current: 1 };

/** Two looks at one numeric field: twice the smaller p-value (Bonferroni). */
function withMissing(
  pKs: number,
  { reference, current, designEffect = independent }: FieldPair,
): { readonly pValue: number; readonly test: FieldTest } {
  if (reference.missing + current.missing === 0) return { pValue: pKs, test: 'ks' };
  const present: readonly [number, number] = [total(reference.counts), total(current.counts)];
  const pMissing = chiSquareOf([present[0], reference.missing], [present[1], current.missing], designEffect);
  return { pValue: Math.min(1, 2 * Math.min(pKs, pMissing)), test: pMissing < pKs ? 'missing' : 'ks' };
}

function distance(pair: FieldPair, limits: DriftLimits): Omit<FieldDistance, 'qValue' | 'drifted'> {
  const { reference, current, designEffect = independent } = pair;
  const [a, b] = grouped(reference, current, limits.groups ?? 10);
  const n = total(a);
  const m = total(b);
  const isEmpty = n === 0 || m === 0;
  const significance = pair.limits?.significance ?? limits.significance;
  const worth: readonly [number, number] = [n / designEffect.reference, m / designEffect.current];
  const common = {
    field: reference.field,
    psi: isEmpty ? 0 : psi(a, b),
    psiCritical: isEmpty ? 0 : psiCritical(a.length, worth[0], worth[1], significance),
    missingRatio: m === 0 ? 0 : current.missing / m,
    jensenShannon: isEmpty ? 0 : jensenShannon(a, b, { base: 2 }),
    effectiveRows: worth[1],
  };
  if (reference.kind === 'categorical')
    return { ...common, pValue: chiSquareOf(a, b, designEffect), test: 'chi-square' };
  const statistic = ksFromBins(reference.counts, current.counts);
  if (Number.isNaN(statistic)) return { ...common, ...withMissing(1, pair) };
  const [rows, rowsCurrent] = [total(reference.counts), total(current.counts)];
  const pKs = ksPValueAsymptotic(statistic, rows / designEffect.reference, rowsCurrent / designEffect.current);
  return { ...common, ksStatistic: statistic, ksPValue: pKs, ...withMissing(pKs, pair) };
}

/**
 * Judges the fields of one window together. A field has drifted when its test is significant after Benjamini-Hochberg over all fields
 * given AND its stability index reaches both the floor and its own critical value: the test alone alarms on differences too small to
 * matter, the index alone on small windows. Missing is a group of its own in the index, and a numeric field's test is the
 * smaller of Kolmogorov-Smirnov on the present rows and χ² on present against missing. Rows that belong together count for less
 * (`designEffect`). A field's own `limits` replace those of all; all fields stay one family of tests. O(fields × bins).
 *
 * Source: Smirnov (1939); Yurdakul and Naranjo (2020); Benjamini and Hochberg (1995); see `ksFromBins`, `psi`, `psiCritical`.
 *
 * @example
 * judgeFields([{ reference: buildFieldReference('categorical', 'c', ['a', 'b']), current: { field: 'c', counts: [1, 1, 0], missing: 0 } }], { psi: 0.1, significance: 0.01 })[0].drifted // → false
 */
export function judgeFields(pairs: readonly FieldPair[], limits: DriftLimits): readonly FieldDistance[] {
  const distances = pairs.map((pair) => distance(pair, limits));
  const qValues = falseDiscoveryAdjusted(distances.map(({ pValue }) => pValue));
  return distances.map((field, i) => {
    const own = pairs[i]?.limits;
    const qValue = qValues[i] ?? 1;
    const isMissing = field.missingRatio > (own?.missingRatio ?? Infinity);
    const isLarge = field.psi >= Math.max(own?.psi ?? limits.psi, field.psiCritical);
    const isSignificant = qValue <= (own?.significance ?? limits.significance);
    const test: FieldTest = isMissing ? 'missing' : field.test;
    return { ...field, qValue, test, drifted: isMissing || (isSignificant && isLarge) };
  });
}
