/** Why compressed bytes cannot be unpacked. */
export class PackedError extends Error {}

/** What comes out of an unpacking: grows up to a limit, and repeats what it holds already. */
export class Unpacked {
  readonly #bytesMax: number;
  #bytes: Buffer;
  #length = 0;

  constructor(firstBytes: number, bytesMax: number) {
    this.#bytesMax = bytesMax;
    if (firstBytes > bytesMax) throw new PackedError(`more than ${bytesMax} bytes`);
    this.#bytes = Buffer.allocUnsafe(firstBytes);
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Adds bytes of `from`. */
  add(from: Buffer, start: number, length: number): void {
    if (length < 0 || start + length > from.length) throw new PackedError('it ends too early');
    this.#room(length);
    from.copy(this.#bytes, this.#length, start, start + length);
    this.#length += length;
  }

  /** Adds `length` bytes that begin `distance` bytes before the end, which may be some that this call adds. */
  repeat(distance: number, length: number): void {
    if (distance < 1 || distance > this.#length) throw new PackedError('it repeats what was not there');
    this.#room(length);
    for (let left = length; left > 0;) {
      const start = this.#length - distance;
      const count = Math.min(left, distance);
      this.#bytes.copyWithin(this.#length, start, start + count);
      this.#length += count;
      left -= count;
    }
  }

  #room(length: number): void {
    const needed = this.#length + length;
    if (needed <= this.#bytes.length) return;
    if (needed > this.#bytesMax) throw new PackedError(`more than ${this.#bytesMax} bytes`);
    const larger = Buffer.allocUnsafe(Math.min(this.#bytesMax, Math.max(needed, this.#bytes.length * 2)));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}
