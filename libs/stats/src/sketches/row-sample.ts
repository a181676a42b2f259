/** One row of a sample. */
export interface SampledRow<Row> {
  /** Hash of the row's id, a whole number below 2^53 (`hashText`). */
  readonly hash: number;
  readonly row: Row;
}

/** What a `RowSample` holds, by hash, ascending. */
export interface RowSampleState<Row> {
  readonly rows: readonly SampledRow<Row>[];
  /** False once rows were left out. */
  readonly isComplete: boolean;
}

/**
 * Uniform sample of at most `rowsMax` rows, those with the smallest hashes of their ids: the same however the rows are divided, merged, ordered and
 * repeated (a row that comes twice counts once). For whatever cannot be counted on fixed bins: embeddings, distances between rows. Amortised
 * O(log rowsMax) a row; memory 2 · rowsMax rows.
 *
 * The distribution function of the sample is everywhere within √(ln(2/δ) / (2 · rowsMax)) of that of all rows with a chance of 1 - δ
 * (`sampleError`).
 *
 * Source: E. Cohen and H. Kaplan (2007), Summarizing data using bottom-k sketches, PODC, 225-234.
 *
 * const s = new RowSample(2); [[5, 'a'], [1, 'b'], [3, 'c']].forEach(([hash, row]) => s.add(hash, row)); s.state().rows.map(({ row }) => row) // → ["b","c"]
 */
export class RowSample<Row> {
  readonly #rowsMax: number;
  readonly #byHash = new Map<number, Row>();
  #isComplete = true;
  /** Hashes from here on are left out. */
  #limit = Infinity;

  constructor(rowsMax: number) {
    this.#rowsMax = rowsMax;
  }

  /** Whether a row of this hash would be looked at now: to be asked before a row is made that costs. */
  takes(hash: number): boolean {
    return hash < this.#limit;
  }

  add(hash: number, row: Row): void {
    if (hash >= this.#limit) {
      this.#isComplete = false;
      return;
    }
    if (this.#byHash.has(hash)) return;
    this.#byHash.set(hash, row);
    // Twice the room before it is tidied, so that tidying costs little for each row.
    if (this.#byHash.size >= 2 * this.#rowsMax) this.#tidy();
  }

  /** Adds what another one, of the same `rowsMax`, holds. */
  merge(state: RowSampleState<Row>): void {
    if (!state.isComplete) this.#isComplete = false;
    for (const { hash, row } of state.rows) this.add(hash, row);
  }

  state(): RowSampleState<Row> {
    this.#tidy();
    const rows = [...this.#byHash].map(([hash, row]) => ({ hash, row })).sort((a, b) => a.hash - b.hash);
    return { rows, isComplete: this.#isComplete };
  }

  #tidy(): void {
    if (this.#byHash.size <= this.#rowsMax) return;
    this.#isComplete = false;
    const hashes = Float64Array.from(this.#byHash.keys()).sort();
    this.#limit = hashes[this.#rowsMax] ?? Infinity;
    for (const hash of hashes.subarray(this.#rowsMax)) this.#byHash.delete(hash);
  }
}

/**
 * Distance within which the distribution function of a uniform sample of `rows` rows is everywhere of that of all rows, with the given
 * probability, in (0, 1); also where rows are drawn without replacement.
 *
 * Source: A. Dvoretzky, J. Kiefer and J. Wolfowitz (1956), Annals of Mathematical Statistics 27, 642-669, with the constant of P. Massart (1990), Annals of
 * Probability 18, 1269-1283.
 *
 * @example
 * sampleError(10000, 0.95).toFixed(6) // → "0.013581"
 */
export function sampleError(rows: number, confidence: number): number {
  return Math.sqrt(Math.log(2 / (1 - confidence)) / (2 * rows));
}
