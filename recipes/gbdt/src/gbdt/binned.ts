/** One input as bins. Bin 0 is missing; for a category also unknown. */
export interface BinnedColumn {
  readonly kind: 'numeric' | 'category';
  /** `[rows] uint8`. */
  readonly bins: Uint8Array;
  /** Bins in use, bin 0 included. */
  readonly binCount: number;
}

/** How values become bins: fitted on the training rows, stored with the model. */
export type Encoder =
  /** Bin q >= 1 holds thresholds[q - 2] < x <= thresholds[q - 1]; the last bin is open. */
  | { readonly kind: 'numeric'; readonly thresholds: Float32Array }
  /** Bin q >= 1 is vocabulary[q - 1]; most frequent first. */
  | { readonly kind: 'category'; readonly vocabulary: readonly string[] };

/**
 * Thresholds of a number: at most `bins` - 2 of them, at quantiles of the values that are there, so that every bin has about as many
 * rows. Equal values are never parted. O(n log n).
 */
export function fitNumeric(values: Float32Array, bins: number): Encoder {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort();
  const thresholds: number[] = [];
  const cuts = bins - 2;
  for (let cut = 1; cut <= cuts; cut += 1) {
    const at = Math.floor((cut * sorted.length) / (cuts + 1));
    const value = sorted[at];
    // The largest value would part nothing from nothing.
    if (value === undefined || value >= (sorted[sorted.length - 1] ?? value)) break;
    if (thresholds.length === 0 || value > (thresholds[thresholds.length - 1] ?? value)) thresholds.push(value);
  }
  return { kind: 'numeric', thresholds: Float32Array.from(thresholds) };
}

/** The most frequent categories, equal ones in code-unit order; the empty string is missing and never one of them. */
export function fitCategory(values: readonly string[], categories: number): Encoder {
  const counts = new Map<string, number>();
  for (const value of values) if (value !== '') counts.set(value, (counts.get(value) ?? 0) + 1);
  const vocabulary = [...counts]
    .sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1))
    .slice(0, categories)
    .map(([value]) => value);
  return { kind: 'category', vocabulary };
}

/** Bin of one number. O(log thresholds). */
export function numericBin(thresholds: Float32Array, value: number): number {
  if (Number.isNaN(value)) return 0;
  let low = 0;
  let high = thresholds.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (value <= (thresholds[middle] as number)) high = middle;
    else low = middle + 1;
  }
  return low + 1;
}

/** Bins of a column of numbers, `[rows] float32`. */
export function binNumeric(thresholds: Float32Array, values: Float32Array): BinnedColumn {
  const bins = new Uint8Array(values.length);
  for (let row = 0; row < values.length; row += 1) bins[row] = numericBin(thresholds, values[row] as number);
  return { kind: 'numeric', bins, binCount: thresholds.length + 2 };
}

/** Bins of a column of categories. */
export function binCategory(vocabulary: readonly string[], values: readonly string[]): BinnedColumn {
  const places = new Map(vocabulary.map((value, index) => [value, index + 1]));
  const bins = Uint8Array.from(values, (value) => places.get(value) ?? 0);
  return { kind: 'category', bins, binCount: vocabulary.length + 1 };
}
