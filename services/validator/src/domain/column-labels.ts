/** Most columns of one Source that a metric names; the others are counted together. */
const columnsMax = 20;
const charsMax = 80;

/** Turns column names, which come from the data, into labels of a closed set: the first ones of each Source, and `other`. */
export class ColumnLabels {
  readonly #bySource = new Map<string, Set<string>>();

  of(source: string, column: string): string {
    let known = this.#bySource.get(source);
    if (known === undefined) this.#bySource.set(source, (known = new Set()));
    const label = column.slice(0, charsMax).toWellFormed();
    if (known.has(label)) return label;
    if (known.size >= columnsMax) return 'other';
    known.add(label);
    return label;
  }
}
