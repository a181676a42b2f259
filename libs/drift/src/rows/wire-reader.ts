/**
 * Reads Protocol Buffers' wire format (protobuf.dev/programming-guides/encoding) from bytes that it is given again and again. What is cut off or
 * malformed sets `isBroken` and reads as 0; whoever reads looks once, at the end.
 */
export class WireReader {
  bytes: Buffer = Buffer.alloc(0);
  at = 0;
  isBroken = false;
  #view = new DataView(this.bytes.buffer);

  /** Begins at the first of `bytes`. */
  reset(bytes: Buffer): void {
    this.bytes = bytes;
    this.at = 0;
    this.isBroken = false;
    // Values of one fetch are pieces of the same memory, which one view covers.
    if (this.#view.buffer !== bytes.buffer) this.#view = new DataView(bytes.buffer);
  }

  /** A number of at most 32 bits: tags and lengths. */
  uint32(): number {
    const { bytes, at } = this;
    const first = bytes[at] ?? 0x80;
    if (first < 0x80) {
      this.at = at + 1;
      return first;
    }
    const value = this.#longer(4);
    if (value > 0xffff_ffff) this.isBroken = true;
    return value;
  }

  /** A whole number from 0 to 2^53 - 1; others are broken: they are not times or counts. */
  whole(): number {
    return this.#longer(7);
  }

  #longer(bytesMax: number): number {
    const { bytes } = this;
    let value = 0;
    let factor = 1;
    for (let i = 0; i <= bytesMax; i += 1) {
      const byte = bytes[this.at + i];
      if (byte === undefined) break;
      value += (byte & 0x7f) * factor;
      factor *= 128;
      if (byte >= 0x80) continue;
      this.at += i + 1;
      if (value > Number.MAX_SAFE_INTEGER) break;
      return value;
    }
    this.isBroken = true;
    this.at = bytes.length;
    return 0;
  }

  double(): number {
    const { at, bytes } = this;
    if (at + 8 > bytes.length) {
      this.isBroken = true;
      this.at = bytes.length;
      return 0;
    }
    this.at = at + 8;
    return this.#view.getFloat64(bytes.byteOffset + at, true);
  }

  /** Where the field of a length that begins here ends, after reading the length. */
  end(): number {
    const length = this.uint32();
    const end = this.at + length;
    if (end <= this.bytes.length) return end;
    this.isBroken = true;
    return this.bytes.length;
  }

  /** Passes over a field whose tag was read. */
  skip(tag: number): void {
    switch (tag & 7) {
      case 0:
        while ((this.bytes[this.at] ?? 0) >= 0x80) this.at += 1;
        this.at += 1;
        break;
      case 1:
        this.at += 8;
        break;
      case 2:
        this.at = this.end();
        break;
      case 5:
        this.at += 4;
        break;
      default:
        this.isBroken = true;
        this.at = this.bytes.length;
    }
    if (this.at > this.bytes.length) this.isBroken = true;
  }
}
