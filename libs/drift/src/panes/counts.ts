import type { drift } from '@everloop/contracts';

/** Different units that a pane or window counts exactly; of more it keeps those with the smallest hashes, about 20 kB. */
export const unitsMax = 2_000;

const micro = 1_000_000;

/** Counts of all bins as those that are not empty. */
export function sparseCounts(field: string, dense: ArrayLike<number>, missing: number): drift.FieldCounts {
  const bins: number[] = [];
  const counts: number[] = [];
  for (let bin = 0; bin < dense.length; bin += 1) {
    const count = dense[bin] ?? 0;
    if (count === 0) continue;
    bins.push(bin);
    counts.push(count);
  }
  return { field, bins, counts, missing };
}

/** Counts of all `size` bins. */
export function denseCounts({ bins, counts }: drift.FieldCounts, size: number): readonly number[] {
  const dense = new Array<number>(size).fill(0);
  bins.forEach((bin, i) => (dense[bin] = counts[i] ?? 0));
  return dense;
}

interface Counted {
  readonly keys: number[];
  readonly counts: number[];
}

/** Two ascending lists of keys with counts as one, at most `most` keys long. */
function merged(a: Counted, b: Counted, most: number): Counted {
  const keys: number[] = [];
  const counts: number[] = [];
  const [n, m] = [a.keys.length, b.keys.length];
  let [i, j] = [0, 0];
  while (i < n && j < m && keys.length < most) {
    const [x, y] = [a.keys[i] ?? 0, b.keys[j] ?? 0];
    let count = 0;
    if (x <= y) {
      count += a.counts[i] ?? 0;
      i += 1;
    }
    if (y <= x) {
      count += b.counts[j] ?? 0;
      j += 1;
    }
    keys.push(x < y ? x : y);
    counts.push(count);
  }
  const [rest, from] = i < n ? [a, i] : [b, j];
  for (let k = from; k < rest.keys.length && keys.length < most; k += 1) {
    keys.push(rest.keys[k] ?? 0);
    counts.push(rest.counts[k] ?? 0);
  }
  return { keys, counts };
}

/**
 * Units of two panes as those of one. Where a side is incomplete it holds `unitsMax` units, and what is kept are the smallest of both, so that
 * each has its exact count: any order and grouping of merges gives the same. O(units).
 */
export function mergedUnits(
  a: drift.UnitCounts | undefined,
  b: drift.UnitCounts | undefined,
): drift.UnitCounts | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const [x, y] = [
    { keys: a.hashes, counts: a.counts },
    { keys: b.hashes, counts: b.counts },
  ];
  const { keys, counts } = merged(x, y, unitsMax + 1);
  const isOver = keys.length > unitsMax;
  if (isOver) {
    keys.length = unitsMax;
    counts.length = unitsMax;
  }
  return { hashes: keys, counts, incomplete: isOver || a.incomplete || b.incomplete };
}

/** Counts of two sets of rows on the bins of one column as those of all. O(bins that are not empty). */
export function mergedCounts(a: drift.FieldCounts, b: drift.FieldCounts): drift.FieldCounts {
  const [x, y] = [
    { keys: a.bins, counts: a.counts },
    { keys: b.bins, counts: b.counts },
  ];
  const { keys, counts } = merged(x, y, Infinity);
  return { field: a.field, bins: keys, counts, missing: a.missing + b.missing };
}

function predictionsMicroOf({ rows, predictionsMicro }: drift.Pane): number {
  return predictionsMicro === 0 ? rows * micro : predictionsMicro;
}

/** Predictions that a pane's rows stand for, as many as are likely where a share is logged. */
export function predictionsOf(pane: drift.Pane): number {
  return Math.round(predictionsMicroOf(pane) / micro);
}

/** A pane without rows. */
export function emptyPane(model: string, baselineVersion: string, startMs: number, widthMs: number): drift.Pane {
  return { model, baselineVersion, startMs, widthMs, rows: 0, predictionsMicro: 0, fields: [], units: undefined };
}

/** Adds a pane's counts to another of the same baseline, whose lists it replaces; fields are matched by name. O(fields × bins + units). */
export function addPane(into: drift.Pane, pane: drift.Pane): void {
  into.predictionsMicro = predictionsMicroOf(into) + predictionsMicroOf(pane);
  into.rows += pane.rows;
  into.units = mergedUnits(into.units, pane.units);
  const places = new Map(into.fields.map(({ field }, i) => [field, i]));
  const fields = [...into.fields];
  for (const added of pane.fields) {
    const place = places.get(added.field);
    const known = place === undefined ? undefined : fields[place];
    if (place === undefined || known === undefined) {
      fields.push(added);
      continue;
    }
    fields[place] = mergedCounts(known, added);
  }
  into.fields = fields;
}
