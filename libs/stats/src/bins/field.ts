import { binIndex, quantileEdges } from './bins.ts';

/** A value of a model input: a number, a category, or missing. */
export type FieldValue = number | string | null | undefined;

export type FieldKind = 'numeric' | 'categorical';

/** Distribution of one field in the training snapshot; the shape of drift.v1.FieldReference. */
export interface FieldReference {
  readonly field: string;
  readonly kind: FieldKind;
  /** Numeric: inner edges, ascending; bin i holds edges[i - 1] < x <= edges[i]. */
  readonly edges: number[];
  /** Categorical: known categories, most frequent first. */
  readonly categories: string[];
  /** Rows of each numeric bin, or of each category and then of all others. */
  readonly counts: number[];
  readonly missing: number;
}

/** Rows of a window on the bins of a reference; the shape of drift.v1.FieldCounts. */
export interface FieldCounts {
  readonly field: string;
  readonly counts: readonly number[];
  readonly missing: number;
}

export interface FieldReferenceOptions {
  /** Quantile bins of a numeric field. Default 256: the statistic of Kolmogorov and Smirnov is then at most 1/256 low. */
  readonly bins?: number;
  /** Categories with a bin of their own; the rest share one. Default 50. */
  readonly categoriesMax?: number;
}

/** Finds the bin of a value. */
export interface FieldIndex {
  readonly size: number;
  /** Bin of a value, 0 to size - 1; -1 where it is missing (null, NaN, infinite, empty text, or text in a numeric field). */
  indexOf(value: FieldValue): number;
}

/**
 * Prepares the lookup of bins for a reference. `indexOf` is O(log bins) for numbers, O(1) for categories.
 *
 * @example
 * fieldIndex({ field: 'a', kind: 'numeric', edges: [1], categories: [], counts: [1, 1], missing: 0 }).indexOf(2) // → 1
 */
export function fieldIndex(reference: FieldReference): FieldIndex {
  if (reference.kind === 'numeric') {
    const edges = Float64Array.from(reference.edges);
    return {
      size: edges.length + 1,
      indexOf: (value) => (typeof value === 'number' && Number.isFinite(value) ? binIndex(edges, value) : -1),
    };
  }
  const places = new Map(reference.categories.map((category, i) => [category, i]));
  const other = reference.categories.length;
  return {
    size: other + 1,
    indexOf: (value) => {
      if (value === null || value === undefined || value === '' || Number.isNaN(value)) return -1;
      return places.get(String(value)) ?? other;
    },
  };
}

/** Known categories of the values, most frequent first, equal ones by code unit. */
function topCategories(values: readonly FieldValue[], most: number): string[] {
  const counts = new Map<string, number>();
  for (const value of values) {
    if (value === null || value === undefined || value === '' || Number.isNaN(value)) continue;
    const category = String(value);
    counts.set(category, (counts.get(category) ?? 0) + 1);
  }
  return [...counts]
    .sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1))
    .slice(0, most)
    .map(([category]) => category);
}

/**
 * Freezes the distribution of one field of the training rows: quantile bins for a numeric field, the most frequent categories and "other" for
 * a categorical one. Does not depend on the order of the values. O(n log n).
 *
 * Source: reference bins fixed at training, as Yurdakul and Naranjo (2020) assume; quantiles of Hyndman and Fan (1996), type 7.
 *
 * @example
 * buildFieldReference('categorical', 'carrier', ['UA', 'AA', 'UA', null]).counts // → [2,1,0]
 */
export function buildFieldReference(
  kind: FieldKind,
  name: string,
  values: readonly FieldValue[],
  options: FieldReferenceOptions = {},
): FieldReference {
  const numbers = kind === 'numeric' ? values.filter((value): value is number => typeof value === 'number') : [];
  const empty: FieldReference = {
    field: name,
    kind,
    edges: kind === 'numeric' ? [...quantileEdges(numbers, options.bins ?? 256)] : [],
    categories: kind === 'categorical' ? topCategories(values, options.categoriesMax ?? 50) : [],
    counts: [],
    missing: 0,
  };
  const index = fieldIndex(empty);
  const counts: number[] = Array.from({ length: index.size }, () => 0);
  let missing = 0;
  for (const value of values) {
    const bin = index.indexOf(value);
    if (bin < 0) missing += 1;
    else counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return { ...empty, counts, missing };
}

/**
 * Counts of two windows on the same bins, added. O(bins).
 *
 * @example
 * mergeFieldCounts({ field: 'a', counts: [1, 2], missing: 0 }, { field: 'a', counts: [3, 0], missing: 1 }).counts // → [4,2]
 */
export function mergeFieldCounts(a: FieldCounts, b: FieldCounts): FieldCounts {
  const longer = a.counts.length >= b.counts.length ? a.counts : b.counts;
  return {
    field: a.field,
    counts: longer.map((_, i) => (a.counts[i] ?? 0) + (b.counts[i] ?? 0)),
    missing: a.missing + b.missing,
  };
}
