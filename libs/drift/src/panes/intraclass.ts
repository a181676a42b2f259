import type { drift } from '@everloop/contracts';
import { intraclassCorrelation } from '@everloop/stats';

/** Units that likeness is computed from at most; more only take time. */
export const likenessUnitsMax = 20_000;

/** Value of each bin of a number: the share of the training rows below it, and half of its own (Bross 1958, Biometrics 14, 18-38: ridits). */
function ridits(counts: readonly number[]): readonly number[] {
  const total = counts.reduce((sum, count) => sum + count, 0);
  let below = 0;
  return counts.map((count) => {
    const value = total === 0 ? 0 : (below + count / 2) / total;
    below += count;
    return value;
  });
}

/** Sums of the analysis of variance of one column, unit by unit. */
class ColumnSums {
  readonly #values: readonly number[] | null;
  readonly #totals: Float64Array;
  #rows = 0;
  #clusters = 0;
  #squaredSizes = 0;
  #square = 0;
  #between = 0;

  constructor({ kind, counts }: drift.FieldReference) {
    this.#values = kind === 'numeric' ? ridits(counts) : null;
    this.#totals = new Float64Array(this.#values === null ? counts.length : 1);
  }

  add({ bins, counts }: drift.FieldCounts): void {
    const rows = counts.reduce((sum, count) => sum + count, 0);
    if (rows === 0) return;
    this.#rows += rows;
    this.#clusters += 1;
    this.#squaredSizes += rows * rows;
    let sum = 0;
    bins.forEach((bin, i) => {
      const count = counts[i] ?? 0;
      if (this.#values === null) {
        // Of each category a column of ones and zeros.
        this.#square += count;
        this.#between += (count * count) / rows;
        this.#totals[bin] = (this.#totals[bin] ?? 0) + count;
      } else {
        const value = this.#values[bin] ?? 0;
        sum += count * value;
        this.#square += count * value * value;
      }
    });
    if (this.#values === null) return;
    this.#between += (sum * sum) / rows;
    this.#totals[0] = (this.#totals[0] ?? 0) + sum;
  }

  /** 0 where there are fewer than two units: nothing is known, and the judge counts rows. */
  intraclass(): number {
    if (this.#clusters < 2) return 0;
    const [rows, clusters, squaredSizes] = [this.#rows, this.#clusters, this.#squaredSizes];
    const grand = this.#totals.reduce((sum, total) => sum + total * total, 0) / rows;
    return intraclassCorrelation({
      ...{ rows, clusters, squaredSizes, grand },
      ...{ square: this.#square, between: this.#between },
    });
  }
}

/** Rows of the unit of an average row, Σ m² / Σ m. */
function unitRowsOf(sizes: readonly number[]): number {
  const rows = sizes.reduce((sum, size) => sum + size, 0);
  return rows === 0 ? 0 : sizes.reduce((sum, size) => sum + size * size, 0) / rows;
}

/** The training rows by what they belong to. */
export interface TrainingUnits {
  /** Field that says what a row belongs to. */
  readonly field: string;
  /** Rows of every unit; a row of which nobody knows the unit is one of its own. */
  readonly sizes: readonly number[];
  /** Counts of the rows of one unit after the other on the bins of the baseline, see `countPane`; `likenessUnitsMax` units say enough. */
  readonly counts: Iterable<readonly drift.FieldCounts[]>;
}

/**
 * The baseline with how alike rows of the same unit are: for each column the intraclass correlation (`intraclassCorrelation`) of what the tests see,
 * places among the training rows for a number and ones and zeros for a category; missing values are left out. 3-grams count one by one, so
 * what is alike within a text is in it, too. Columns without training rows have 0. O(units × bins that are not empty).
 */
export function withIntraclass(message: drift.Baseline, { field, sizes, counts }: TrainingUnits): drift.Baseline {
  const sums = new Map(message.fields.map((reference) => [reference.field, new ColumnSums(reference)]));
  for (const unit of counts) for (const column of unit) sums.get(column.field)?.add(column);
  const fields = message.fields.map((reference) => {
    return { ...reference, intraclass: sums.get(reference.field)?.intraclass() ?? 0 };
  });
  return { ...message, fields, unit: field, unitRows: unitRowsOf(sizes) };
}
