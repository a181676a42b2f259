/** The bytes do not say what the schema says they say. Caught by the decoder; never leaves this library. */
export class MalformedBytes extends Error {
  override readonly name: string = 'MalformedBytes';
}

/** Objects, arrays or messages are nested deeper than a record may be. */
export class TooDeep extends MalformedBytes {
  override readonly name = 'TooDeep';
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const two = [1, 2 ** 7, 2 ** 14, 2 ** 21, 2 ** 28, 2 ** 35, 2 ** 42] as const;
const uint64Max = 0xffff_ffff_ffff_ffffn;

/** Reads the primitives that Avro and Protobuf share, from a range of bytes; anything that is not wholly there is refused. */
export class ByteReader {
  readonly bytes: Buffer;
  position: number;
  #end: number;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.position = 0;
    this.#end = bytes.length;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.#end - this.position;
  }

  /** Moves on by `length` bytes and returns where they begin. */
  take(length: number): number {
    const from = this.position;
    if (length > this.#end - from)
      throw new MalformedBytes(`${length} bytes are announced at byte ${from}, but ${this.#end - from} are left`);
    this.position = from + length;
    return from;
  }

  /** Calls `read` with the next `length` bytes as all there is. `read` reads to their end or throws. */
  within<T>(length: number, read: () => T): T {
    const end = this.take(length) + length;
    const outer = this.#end;
    this.position = end - length;
    this.#end = end;
    const value = read();
    this.#end = outer;
    return value;
  }

  byte(): number {
    return this.bytes[this.take(1)] ?? 0;
  }

  /** Base-128 varint, least significant group first, of at most 64 bits: a number where that is exact, else a bigint. */
  varint(): number | bigint {
    let value = 0;
    for (const weight of two) {
      const byte = this.byte();
      value += (byte & 0x7f) * weight;
      if (byte < 0x80) return value;
    }
    let large = BigInt(value);
    for (let shift = 49n; ; shift += 7n) {
      const byte = this.byte();
      large |= BigInt(byte & 0x7f) << shift;
      if (large > uint64Max || shift > 63n) throw new MalformedBytes('a number is longer than 64 bits');
      if (byte < 0x80) return large <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(large) : large;
    }
  }

  /** Zig-zag varint: 0, −1, 1, −2, … are written 0, 1, 2, 3, … */
  zigzag(): number | bigint {
    const value = this.varint();
    if (typeof value === 'number') return value % 2 === 0 ? value / 2 : -((value + 1) / 2);
    return narrow((value >> 1n) ^ -(value & 1n));
  }

  float32(): number {
    return this.#view.getFloat32(this.take(4), true);
  }

  float64(): number {
    return this.#view.getFloat64(this.take(8), true);
  }

  uint32(): number {
    return this.#view.getUint32(this.take(4), true);
  }

  uint64(): bigint {
    return this.#view.getBigUint64(this.take(8), true);
  }

  /** Text; refused when it is not UTF-8. */
  text(length: number): string {
    const from = this.take(length);
    try {
      return decoder.decode(this.bytes.subarray(from, from + length));
    } catch {
      throw new MalformedBytes(`a text at byte ${from} is not UTF-8`);
    }
  }

  slice(length: number): Buffer {
    const from = this.take(length);
    return this.bytes.subarray(from, from + length);
  }
}

/** A number when it is exact, else the bigint. */
export function narrow(value: bigint): number | bigint {
  const asNumber = Number(value);
  return Number.isSafeInteger(asNumber) ? asNumber : value;
}

/** A whole number as a field's value: a number up to ±(2^53 − 1), beyond that its decimal digits as text, so that nothing is rounded. */
export function exactInteger(value: number | bigint): number | string {
  const plain = typeof value === 'bigint' ? narrow(value) : value;
  // Minus zero is written by no codec; -((0 + 1) / 2) cannot give it either.
  return typeof plain === 'bigint' ? plain.toString() : plain;
}

/** A length or count: never negative, never beyond what a buffer can hold. */
export function asLength(value: number | bigint): number {
  if (typeof value === 'bigint' || value < 0 || value > 0x7fff_ffff) throw new MalformedBytes('a length is impossible');
  return value;
}

/** Sets an own property whatever the name is; assignment would take `__proto__` for the prototype. */
export function setOwn(target: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__')
    Object.defineProperty(target, name, { value, enumerable: true, writable: true, configurable: true });
  else target[name] = value;
}

/** What one record may still hold: containers nested, and values that take no bytes of their own. */
export interface Budget {
  depth: number;
  emptyItems: number;
}

/** Most values of one record that take no byte (an Avro null in an array): without a bound ten bytes could announce 2^60 of them. */
export const emptyItemsMax = 10_000;
