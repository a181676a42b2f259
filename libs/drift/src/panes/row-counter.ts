import type { drift } from '@everloop/contracts';
import { BinCounter, type FieldIndex } from '@everloop/stats';
import type { ColumnReader } from '../columns/column-reader.ts';
import type { Row } from '../rows/row.ts';
import type { Baseline } from './baseline.ts';
import { sparseCounts } from './counts.ts';

/** Name of the output among a baseline's fields. */
export const scoreField = 'score';
/** Rows whose numbers are gathered before they are counted: with 20 columns 160 kB, which stays in the cache. */
const blockRows = 1_024;

/** A categorical column: its own counts, since BinCounter is for numbers. */
interface Categories {
  readonly index: FieldIndex;
  readonly counts: Float64Array;
  missing: number;
}

interface Measured {
  readonly reader: ColumnReader;
  readonly places: number[];
  readonly counts: Float64Array;
  missing: number;
}

/**
 * Counts rows on the bins of one baseline, column by column: numbers are gathered into blocks, so that a value costs what BinCounter costs and
 * a row allocates nothing. It is kept with its baseline, because its tables cost more than a small batch of rows. What it gives depends on the
 * rows alone.
 */
export class RowCounter {
  readonly #names: readonly string[];
  /** Numeric inputs, and where they are among the row's. */
  readonly #numbers: readonly { readonly name: string; readonly counter: BinCounter }[];
  readonly #numberPlaces: Int32Array;
  readonly #block: Float64Array;
  readonly #categories: readonly ({ readonly name: string } & Categories)[];
  readonly #categoryPlaces: Int32Array;
  readonly #measured: readonly ({ readonly name: string } & Measured)[];
  readonly #score: BinCounter | null;
  readonly #scores = new Float64Array(blockRows);
  #gathered = 0;
  #scored = 0;
  #known: readonly string[] = [];

  constructor({ fields }: Baseline) {
    this.#names = fields.map(({ reference }) => reference.field);
    const plain = fields.filter(({ reader, reference }) => reader === null && reference.field !== scoreField);
    const numeric = plain.filter(({ reference }) => reference.kind === 'numeric');
    this.#numbers = numeric.map(({ reference }) => {
      return { name: reference.field, counter: new BinCounter(reference.edges) };
    });
    this.#numberPlaces = new Int32Array(this.#numbers.length).fill(-1);
    this.#block = new Float64Array(this.#numbers.length * blockRows);
    this.#categories = plain
      .filter(({ reference }) => reference.kind === 'categorical')
      .map(({ reference, index }) => {
        return { name: reference.field, index, counts: new Float64Array(index.size), missing: 0 };
      });
    this.#categoryPlaces = new Int32Array(this.#categories.length).fill(-1);
    this.#measured = fields.flatMap(({ reader, reference, index }) => {
      if (reader === null) return [];
      const places = reader.inputs.map(() => -1);
      return [{ name: reference.field, reader, places, counts: new Float64Array(index.size), missing: 0 }];
    });
    const score = fields.find(({ reader, reference }) => reader === null && reference.field === scoreField);
    this.#score = score?.reference.kind === 'numeric' ? new BinCounter(score.reference.edges) : null;
  }

  /** Counts a row. O(columns). */
  add(row: Row): void {
    if (row.inputNames !== this.#known) this.#find(row.inputNames);
    const [block, places, values] = [this.#block, this.#numberPlaces, row.inputValues];
    let at = this.#gathered;
    for (let c = 0; c < places.length; c += 1) {
      const kind = values[places[c] ?? -1]?.kind;
      block[at] = kind?.$case === 'number' ? kind.value : Number.NaN;
      at += blockRows;
    }
    this.#gathered += 1;
    if (this.#categories.length > 0 || this.#measured.length > 0) this.#countOther(row);
    // A canary's scores are not the champion's.
    if (row.modelVersion === row.championVersion) {
      this.#scores[this.#scored] = row.score;
      this.#scored += 1;
    }
    if (this.#gathered === blockRows) this.#countBlock();
  }

  /** Counts of the rows since the last call, by column, in the order of the baseline. O(bins). */
  take(): drift.FieldCounts[] {
    this.#countBlock();
    const counts = this.#result();
    this.#clear();
    return counts;
  }

  #clear(): void {
    for (const { counter } of this.#numbers) counter.clear();
    for (const column of [...this.#categories, ...this.#measured]) {
      column.counts.fill(0);
      column.missing = 0;
    }
    this.#score?.clear();
  }

  /** Names of successive rows are nearly always the same: they are compared, and looked up only when they differ. */
  #find(names: readonly string[]): void {
    const known = this.#known;
    let isSame = names.length === known.length;
    for (let i = 0; isSame && i < names.length; i += 1) isSame = names[i] === known[i];
    this.#known = names;
    if (isSame) return;
    this.#numbers.forEach(({ name }, i) => (this.#numberPlaces[i] = names.indexOf(name)));
    this.#categories.forEach(({ name }, i) => (this.#categoryPlaces[i] = names.indexOf(name)));
    for (const { reader, places } of this.#measured) {
      reader.inputs.forEach((name, i) => (places[i] = names.indexOf(name)));
    }
  }

  #countBlock(): void {
    const rows = this.#gathered;
    this.#numbers.forEach(({ counter }, c) => counter.add(this.#block, c * blockRows, c * blockRows + rows));
    this.#score?.add(this.#scores, 0, this.#scored);
    this.#gathered = 0;
    this.#scored = 0;
  }

  #countOther(row: Row): void {
    for (let c = 0; c < this.#categories.length; c += 1) {
      const column = this.#categories[c];
      if (column === undefined) continue;
      const kind = row.inputValues[this.#categoryPlaces[c] ?? -1]?.kind;
      const bin = kind === undefined || kind.$case === 'missing' ? -1 : column.index.indexOf(kind.value);
      if (bin < 0) column.missing += 1;
      else column.counts[bin] = (column.counts[bin] ?? 0) + 1;
    }
    for (const column of this.#measured) {
      column.missing += column.reader.countRow(row, column.places, column.counts);
    }
  }

  #result(): drift.FieldCounts[] {
    const numbers = this.#numbers.map(({ name, counter }) => sparseCounts(name, counter.counts, counter.missing));
    const others = [...this.#categories, ...this.#measured].map(({ name, counts, missing }) =>
      sparseCounts(name, counts, missing),
    );
    const score = this.#score === null ? [] : [sparseCounts(scoreField, this.#score.counts, this.#score.missing)];
    const byName = new Map([...numbers, ...others, ...score].map((counts) => [counts.field, counts]));
    return this.#names.map((name) => byName.get(name) ?? sparseCounts(name, [], 0));
  }
}
