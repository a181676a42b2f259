/** A text that comes again and again: it is decoded when its bytes differ from the last ones. */
export class RecurringText {
  #bytes: Buffer = Buffer.alloc(0);
  #text = '';

  /** The text that bytes[from] to bytes[to - 1] encode, UTF-8. */
  read(bytes: Buffer, from: number, to: number): string {
    const known = this.#bytes;
    const length = to - from;
    let isSame = known.length === length;
    for (let i = 0; isSame && i < length; i += 1) isSame = known[i] === bytes[from + i];
    if (isSame) return this.#text;
    // A copy: the bytes are a piece of a whole fetch, which would be held.
    this.#bytes = Buffer.from(bytes.subarray(from, to));
    this.#text = this.#bytes.toString('utf8');
    return this.#text;
  }
}

/** Repeated texts, as the names of inputs: the fields of a message that follow each other with one tag, compared all at once. */
export class RecurringTexts {
  #bytes: Buffer = Buffer.alloc(0);
  #texts: readonly string[] = [];

  /** Where the last texts end if bytes[from] begins the same ones again, and no more of them; -1: it does not, or perhaps not. */
  endOfSame(bytes: Buffer, from: number): number {
    const known = this.#bytes;
    const to = from + known.length;
    // A first byte of another tag that is the same costs time only.
    if (known.length === 0 || to > bytes.length || bytes[to] === known[0]) return -1;
    return known.compare(bytes, from, to) === 0 ? to : -1;
  }

  get texts(): readonly string[] {
    return this.#texts;
  }

  /** Keeps the texts that bytes[from] to bytes[to - 1] were, tags included. */
  keep(bytes: Buffer, from: number, to: number, texts: readonly string[]): void {
    this.#bytes = Buffer.from(bytes.subarray(from, to));
    this.#texts = texts;
  }
}
