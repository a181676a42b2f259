import { createHash, type Hash } from 'node:crypto';

/** One column of a block: float64 with NaN for null, or text with null. */
export type HashedColumn =
  | { readonly type: 'number'; readonly values: Float64Array }
  | { readonly type: 'string'; readonly values: readonly (string | null)[] };

const blockBytes = 1 << 16;

/**
 * SHA-256 over rows in their order, column by column: for a number its 8 bytes little-endian (NaN always 7ff8000000000000, -0 as
 * 0), for text u32 length and UTF-8, for null text the length ffffffff. The header is the JSON of the column names and types.
 * Does not depend on the file format or on how rows are cut into blocks.
 */
export class CanonicalRows {
  readonly #hash: Hash = createHash('sha256');
  #buffer = Buffer.allocUnsafe(blockBytes);
  #at = 0;
  rows = 0;

  constructor(columns: readonly { readonly name: string; readonly type: 'number' | 'string' }[]) {
    this.#hash.update(JSON.stringify(columns.map(({ name, type }) => [name, type])));
  }

  /** Adds the next rows; the columns are those of the header, all of the same length. O(cells). */
  add(columns: readonly HashedColumn[], rows: number): void {
    for (let row = 0; row < rows; row++) {
      for (const column of columns) {
        if (column.type === 'number') this.#number(column.values[row] ?? Number.NaN);
        else this.#text(column.values[row] ?? null);
      }
    }
    this.rows += rows;
  }

  digest(): string {
    this.#emit();
    return this.#hash.digest('hex');
  }

  #emit(): void {
    this.#hash.update(this.#buffer.subarray(0, this.#at));
    this.#at = 0;
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return;
    this.#emit();
    if (bytes > this.#buffer.length) this.#buffer = Buffer.allocUnsafe(bytes);
  }

  #number(value: number): void {
    this.#room(8);
    this.#buffer.writeDoubleLE(Number.isNaN(value) ? Number.NaN : value + 0, this.#at);
    this.#at += 8;
  }

  #text(value: string | null): void {
    const bytes = value === null ? 0 : Buffer.byteLength(value);
    this.#room(4 + bytes);
    this.#buffer.writeUInt32LE(value === null ? 0xffffffff : bytes, this.#at);
    if (value !== null) this.#buffer.write(value, this.#at + 4);
    this.#at += 4 + bytes;
  }
}
