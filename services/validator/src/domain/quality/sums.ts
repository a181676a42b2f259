import type { quality } from '@everloop/contracts';
import { addToBin, hashText, logBin, ValueCounts, type LogHistogram, type ValueCountsState } from '@everloop/stats';
import { keyName, type WindowPlan } from './plan.ts';
import { UnexpectedCounts } from './unexpected.ts';

/** Different values of a column that are counted exactly in one window. */
const valuesMax = 1_000;
/** Different keys that are counted exactly in one window; beyond, repeats are estimated from as many. */
const keysMax = 8_192;
/** Longest text kept of a value. */
const textCharsMax = 64;

/** A decoded record: plain fields. */
export type Fields = Readonly<Record<string, unknown>>;

export interface ColumnSums {
  missing: number;
  present: number;
  min: number | null;
  max: number | null;
  readonly bins: LogHistogram;
  readonly values: ValueCounts;
}

/** Statistics of one window, or of a part of it. Whole numbers and sketches that are the same in any order of adding. */
export class WindowSums {
  /** Records with an event time in the window. */
  rows = 0;
  quarantined = 0;
  /** Quarantined records without an event time, counted where their partition stood. */
  unplaced = 0;
  newestMs: number | null = null;
  /** Valid records by column that the Source does not list. */
  readonly unexpected = new UnexpectedCounts();
  readonly columns = new Map<string, ColumnSums>();
  readonly keys = new Map<
    string,
    { readonly columns: readonly string[]; rows: number; readonly counts: ValueCounts }
  >();

  /** Adds one record: missing values of any, everything else of a valid one. O(columns of the plan). */
  add(plan: WindowPlan, record: Fields, timeMs: number, isValid: boolean): void {
    this.rows += 1;
    if (isValid) this.newestMs = newest(this.newestMs, timeMs);
    else this.quarantined += 1;
    for (const { column, isMeasured, isCounted } of plan.columns) {
      const sums = this.#column(column);
      const value = Object.hasOwn(record, column) ? record[column] : undefined;
      if (value === undefined || value === null) sums.missing += 1;
      else if (isValid) {
        sums.present += 1;
        if (isMeasured) measure(sums, value);
        if (isCounted) {
          const text = textOf(value);
          sums.values.add(hashText(text), 1, text.slice(0, textCharsMax));
        }
      }
    }
    if (!isValid) return;
    for (const columns of plan.keys) {
      const key = this.#key(columns);
      key.rows += 1;
      key.counts.add(hashText(columns.map((column) => JSON.stringify(record[column] ?? null)).join('\n')));
    }
  }

  /** Adds a pane of the same window. */
  merge(pane: quality.Pane): void {
    this.rows += pane.rows;
    this.quarantined += pane.quarantined;
    if (pane.newestMs !== undefined) this.newestMs = newest(this.newestMs, pane.newestMs);
    for (const each of pane.columns) {
      const sums = this.#column(each.column);
      sums.missing += each.missing;
      sums.present += each.present;
      if (each.min !== undefined) sums.min = sums.min === null ? each.min : Math.min(sums.min, each.min);
      if (each.max !== undefined) sums.max = sums.max === null ? each.max : Math.max(sums.max, each.max);
      each.bins.forEach((bin, i) => addToBin(sums.bins, bin, each.binCounts[i] ?? 0));
      if (each.values !== undefined) sums.values.merge(fromWire(each.values));
    }
    for (const { column, rows } of pane.unexpected) this.unexpected.add(column, rows);
    for (const each of pane.keys) {
      const key = this.#key(each.columns);
      key.rows += each.rows;
      if (each.keys !== undefined) key.counts.merge(fromWire(each.keys));
    }
  }

  /** As it is written; equal for equal records in any order. */
  toPane(window: string, revision: number, startMs: number): quality.Pane {
    return {
      ...{ window, revision, startMs, rows: this.rows, quarantined: this.quarantined },
      newestMs: this.newestMs ?? undefined,
      columns: [...this.columns].map(([column, sums]) => {
        const bins = [...sums.bins].sort(([a], [b]) => a - b);
        return {
          ...{ column, missing: sums.missing, present: sums.present },
          ...{ min: sums.min ?? undefined, max: sums.max ?? undefined },
          ...{ bins: bins.map(([bin]) => bin), binCounts: bins.map(([, count]) => count) },
          values: toWire(sums.values.state()),
        };
      }),
      keys: [...this.keys.values()].map(({ columns, rows, counts }) => ({
        ...{ columns: [...columns], rows, keys: toWire(counts.state()) },
      })),
      unexpected: this.unexpected.toWire(),
    };
  }

  #column(column: string): ColumnSums {
    const known = this.columns.get(column);
    if (known !== undefined) return known;
    const sums: ColumnSums = {
      ...{ missing: 0, present: 0, min: null, max: null, bins: new Map(), values: new ValueCounts(valuesMax) },
    };
    this.columns.set(column, sums);
    return sums;
  }

  #key(columns: readonly string[]): { rows: number; readonly counts: ValueCounts } {
    const name = keyName(columns);
    const known = this.keys.get(name);
    if (known !== undefined) return known;
    const key = { columns, rows: 0, counts: new ValueCounts(keysMax) };
    this.keys.set(name, key);
    return key;
  }
}

function newest(a: number | null, b: number): number {
  return a === null ? b : Math.max(a, b);
}

function measure(sums: ColumnSums, value: unknown): void {
  // A decimal may be text.
  const number = typeof value === 'number' || typeof value === 'string' ? Number(value) : Number.NaN;
  if (!Number.isFinite(number)) return;
  sums.min = sums.min === null ? number : Math.min(sums.min, number);
  sums.max = sums.max === null ? number : Math.max(sums.max, number);
  addToBin(sums.bins, logBin(number));
}

/** Text of a value, for sets of values: 1 and "1" are the same. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function toWire({ values, complete }: ValueCountsState): quality.ValueCounts {
  return {
    hashes: values.map(({ hash }) => hash),
    counts: values.map(({ count }) => count),
    texts: values.some(({ text }) => text !== '') ? values.map(({ text }) => text) : [],
    complete,
  };
}

function fromWire({ hashes, counts, texts, complete }: quality.ValueCounts): ValueCountsState {
  return { values: hashes.map((hash, i) => ({ hash, count: counts[i] ?? 0, text: texts[i] ?? '' })), complete };
}
