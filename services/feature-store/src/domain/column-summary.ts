import type { ColumnSummary, NumberSummary, TextSummary } from '@everloop/contracts';
import { binIndex, orderFreeSum, quantileEdges } from '@everloop/stats';

export type SummarisedColumn =
  | { readonly type: 'number'; readonly values: Float64Array }
  | { readonly type: 'string'; readonly values: readonly (string | null)[] };

const bins = 64;
const topValues = 50;

/** Summarises a column; does not depend on the order of its values. O(n log n). */
export function summarise(name: string, column: SummarisedColumn): ColumnSummary {
  return column.type === 'number' ? ofNumbers(name, column.values) : ofTexts(name, column.values);
}

/** Counts of values in the bins of `edges`; NaN is in none. O(n log bins). */
export function countBins(values: ArrayLike<number>, edges: readonly number[]): number[] {
  const counts = new Array<number>(edges.length + 1).fill(0);
  for (let index = 0; index < values.length; index += 1) {
    const bin = binIndex(edges, values[index] ?? NaN);
    if (bin >= 0) counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return counts;
}

function ofNumbers(name: string, values: Float64Array): NumberSummary {
  const present = values.filter((value) => !Number.isNaN(value)).sort();
  const [min = null, max = null] = [present[0], present.at(-1)];
  let distinct = 0;
  for (let index = 0; index < present.length; index += 1)
    if (index === 0 || present[index] !== present[index - 1]) distinct += 1;
  const edges = quantileEdges(present, bins);
  return {
    ...{ name, type: 'number', rows: values.length, missing: values.length - present.length, min, max, distinct },
    mean: present.length === 0 ? null : orderFreeSum(present) / present.length,
    ...{ edges, counts: countBins(present, edges) },
  };
}

function ofTexts(name: string, values: readonly (string | null)[]): TextSummary {
  const counts = new Map<string, number>();
  let missing = 0;
  for (const value of values) {
    if (value === null) missing += 1;
    else counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  const sorted = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  const top = sorted.slice(0, topValues);
  const named = top.reduce((sum, [, count]) => sum + count, 0);
  const other = values.length - missing - named;
  return { name, type: 'string', rows: values.length, missing, distinct: counts.size, top, other };
}
