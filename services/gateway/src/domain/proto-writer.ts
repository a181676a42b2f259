const firstBytes = 16 * 1024;
/** Texts up to so many characters are copied one by one, and their length takes one byte; beyond, the system's encoder is faster. */
const shortTextMax = 127;

/** Wire types of protobuf. */
export const wireType = { varint: 0, fixed64: 1, delimited: 2 } as const;

/** The tag of a field: at most two bytes, so numbers to 2,047. */
export function tagOf(fieldNumber: number, type: (typeof wireType)[keyof typeof wireType]): number {
  return (fieldNumber << 3) | type;
}

/**
 * Writes protobuf messages field by field (protobuf.dev/programming-guides/encoding). Keeps its memory from message to message, and what
 * it gives is cut from Node's pool: the messages of a request must not cost an allocation of their own each. Fields with the default
 * of their type are left out by the caller.
 */
export class ProtoWriter {
  #bytes = Buffer.alloc(firstBytes);
  #at = 0;

  /** A copy of what was written; the writer begins again. */
  finish(): Buffer {
    const message = Buffer.allocUnsafe(this.#at);
    this.#bytes.copy(message, 0, 0, this.#at);
    this.#at = 0;
    return message;
  }

  /** Bytes as they are: fields that were encoded before, in whatever order. */
  raw(encoded: Uint8Array): void {
    this.#reserve(encoded.length);
    this.#bytes.set(encoded, this.#at);
    this.#at += encoded.length;
  }

  /** A whole number from 0 to 2^53. */
  varint(value: number): void {
    this.#reserve(10);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#at++] = rest;
  }

  float(value: number): void {
    this.#reserve(4);
    this.#at = this.#bytes.writeFloatLE(value, this.#at);
  }

  double(value: number): void {
    this.#reserve(8);
    this.#at = this.#bytes.writeDoubleLE(value, this.#at);
  }

  /** A field of length-delimited bytes. */
  bytes(tag: number, value: Uint8Array): void {
    this.varint(tag);
    this.varint(value.length);
    this.raw(value);
  }

  /** A field of text. */
  text(tag: number, value: string): void {
    this.varint(tag);
    if (!this.#shortText(value)) this.#longText(value);
  }

  /** Begins a field that is a message; what it gives is for `end`. */
  begin(tag: number): number {
    this.varint(tag);
    this.#reserve(1);
    this.#at += 1;
    return this.#at;
  }

  /** Ends the message that was begun last and is not ended. */
  end(from: number): void {
    const length = this.#at - from;
    if (length <= shortTextMax) {
      this.#bytes[from - 1] = length;
      return;
    }
    // Its length takes more than the byte that was left for it.
    const written = Buffer.from(this.#bytes.subarray(from, this.#at));
    this.#at = from - 1;
    this.varint(length);
    this.raw(written);
  }

  /** A field that is a message; `write` writes it. */
  message(tag: number, write: () => void): void {
    const from = this.begin(tag);
    write();
    this.end(from);
  }

  /** Copies a short text of ASCII; false, and nothing written, where it is another. */
  #shortText(value: string): boolean {
    const { length } = value;
    if (length > shortTextMax) return false;
    this.#reserve(length + 1);
    const bytes = this.#bytes;
    let at = this.#at;
    bytes[at++] = length;
    for (let index = 0; index < length; index += 1) {
      const code = value.charCodeAt(index);
      if (code > 0x7f) return false;
      bytes[at++] = code;
    }
    this.#at = at;
    return true;
  }

  #longText(value: string): void {
    const length = Buffer.byteLength(value);
    this.varint(length);
    this.#reserve(length);
    this.#at += this.#bytes.write(value, this.#at);
  }

  #reserve(more: number): void {
    const wanted = this.#at + more;
    if (wanted <= this.#bytes.length) return;
    const larger = Buffer.alloc(Math.max(wanted, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}
