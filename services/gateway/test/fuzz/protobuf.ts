import type { Random } from './random.ts';

/** One field of a message as it is on the wire, without its schema. */
export interface Field {
  number: number;
  /** 0 varint, 1 eight bytes, 2 bytes with a length, 3 and 4 groups, 5 four bytes. */
  wire: number;
  value: bigint | Buffer | Field[];
  /** What the length says, where it lies. */
  claimed?: bigint;
}

const depthMax = 6;

export function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let left = BigInt.asUintN(64, value);
  for (; left > 0x7fn; left >>= 7n) bytes.push(Number(left & 0x7fn) | 0x80);
  bytes.push(Number(left));
  return Buffer.from(bytes);
}

export function encode(fields: readonly Field[]): Buffer {
  return Buffer.concat(fields.flatMap(encodeField));
}

function encodeField({ number, wire, value, claimed }: Field): Buffer[] {
  const tag = varint((BigInt(number) << 3n) | BigInt(wire));
  if (typeof value === 'bigint') return [tag, varint(value)];
  const content = Array.isArray(value) ? encode(value) : value;
  return wire === 2 ? [tag, varint(claimed ?? BigInt(content.length)), content] : [tag, content];
}

/** The fields of bytes that are a message, bytes within that could be messages included; null if these are none. */
export function decode(bytes: Buffer, depth = 0): Field[] | null {
  const fields: Field[] = [];
  let at = 0;
  const readVarint = (): bigint | null => {
    let value = 0n;
    for (let shift = 0n; shift < 64n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) return null;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return null;
  };
  while (at < bytes.length) {
    const tag = readVarint();
    if (tag === null || tag >> 3n === 0n || tag >> 3n > 1_000n) return null;
    const [number, wire] = [Number(tag >> 3n), Number(tag & 7n)];
    const length = wire === 0 ? 0n : wire === 1 ? 8n : wire === 5 ? 4n : wire === 2 ? readVarint() : null;
    if (length === null || BigInt(at) + length > BigInt(bytes.length)) return null;
    const content = wire === 0 ? readVarint() : bytes.subarray(at, at + Number(length));
    if (content === null) return null;
    if (typeof content !== 'bigint') at += content.length;
    const inner = Buffer.isBuffer(content) && wire === 2 && depth < depthMax ? decode(content, depth + 1) : null;
    fields.push({ number, wire, value: inner === null || inner.length === 0 ? content : inner });
  }
  // What is not written as we would write it is text that happens to look like a message.
  return encode(fields).equals(bytes) ? fields : null;
}

const integers: readonly [bigint, ...bigint[]] = [
  ...([
    0n,
    1n,
    2n,
    255n,
    256n,
    257n,
    -1n,
    -2n,
    2n ** 31n - 1n,
    2n ** 31n,
    2n ** 32n,
    2n ** 53n,
    2n ** 53n + 1n,
  ] as const),
  ...[2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n],
];
const lengths: readonly [bigint, ...bigint[]] = [
  0n,
  1n,
  127n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 53n,
  2n ** 63n,
];
const texts: readonly [string, ...string[]] = [
  ...(['', '__proto__', 'constructor', 'toString', 'delay', 'BYTES', 'FP64', 'BOOL', 'FP16', 'NaN', '1e999'] as const),
  ...['\u0000', '\u202e', 'x'.repeat(300), ':delay_1:', '9'.repeat(400), '-1', '../../etc/passwd', '{"a":1}'],
];

/** All lists of fields of a message, the outermost first. */
function lists(fields: Field[]): Field[][] {
  return [fields, ...fields.flatMap(({ value }) => (Array.isArray(value) ? lists(value) : []))];
}

/** Other bytes in place of bytes: text that is none, lengths of nested BYTES that lie, numbers that are none, far too much. */
function otherBytes(random: Random, bytes: Buffer): Buffer {
  const prefixed = (length: number): Buffer => {
    const changed = Buffer.from(bytes);
    if (changed.length >= 4) changed.writeUInt32LE(length >>> 0, random.below(Math.max(1, changed.length - 3)));
    return changed;
  };
  // Packed numbers, a shape among them, look like any bytes.
  if (bytes.length < 3 && random.chance(0.7))
    return Buffer.concat(Array.from({ length: 1 + random.below(3) }, () => varint(random.pick(integers))));
  switch (random.below(11)) {
    case 0:
      return Buffer.from(random.pick(texts));
    case 1:
      return Buffer.from([0xc3, 0x28, 0xff, 0xfe, 0xed, 0xa0, 0x80].slice(random.below(6)));
    case 2:
      return bytes.subarray(0, random.below(bytes.length + 1));
    case 3:
      return Buffer.concat([bytes, random.bytes(1 + random.below(16))]);
    case 4:
      return random.bytes(random.below(64));
    case 5:
      return Buffer.alloc(random.pick([1_000, 65_536, 300_000]), random.below(256));
    case 6:
      return prefixed(random.pick([0, 1, 0x7fffffff, 0x80000000, 0xffffffff, bytes.length]));
    case 7:
      return Buffer.concat(Array.from({ length: 1 + random.below(300) }, () => bytes.subarray(0, 4_096)));
    case 8: {
      const doubles = Buffer.alloc(8 * (1 + random.below(4)));
      for (let at = 0; at < doubles.length; at += 8)
        doubles.writeDoubleLE(random.pick([NaN, Infinity, -Infinity, -0, 1e308, 5e-324, 0.5]), at);
      return doubles;
    }
    default: {
      const flipped = Buffer.from(bytes);
      for (let n = random.below(4); n >= 0 && flipped.length > 0; n -= 1)
        flipped[random.below(flipped.length)] = random.below(256);
      return flipped;
    }
  }
}

/** Groups or messages within each other, far deeper than anybody means. */
function nested(random: Random): Buffer {
  const depth = random.pick([50, 101, 2_000, 20_000]);
  if (random.chance(0.5)) return Buffer.alloc(depth, ((1 + random.below(20)) << 3) | 3);
  let message = Buffer.alloc(0);
  const number = 1 + random.below(9);
  for (let n = 0; n < Math.min(depth, 2_000); n += 1)
    message = Buffer.concat([Buffer.from([(number << 3) | 2]), varint(BigInt(message.length)), message]);
  return message;
}

/** One change of one field, in place. */
function changeOne(random: Random, root: Field[], others: readonly Field[]): void {
  const all = lists(root);
  const list = all[random.below(all.length)] ?? root;
  const at = random.below(list.length);
  const field = list[at];
  if (field === undefined) return void list.push({ number: 1 + random.below(20), wire: 2, value: random.bytes(8) });
  const { value } = field;
  const bytes = Buffer.isBuffer(value) ? value : Array.isArray(value) ? encode(value) : varint(value);
  switch (random.below(12)) {
    case 0:
      return void list.splice(at, 1);
    case 1: {
      const copies = Math.min(random.pick([1, 1, 2, 300, 5_000]), Math.ceil(500_000 / (bytes.length + 4)));
      return void list.splice(at, 0, ...Array.from({ length: copies }, () => copy([field])).flat());
    }
    case 2:
      field.number = random.pick([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 100, 19_000, 2 ** 29 - 1]);
      return;
    case 3:
      field.wire = random.below(8);
      field.value = bytes;
      return;
    case 4:
      field.claimed = random.chance(0.5)
        ? random.pick(lengths)
        : BigInt(Math.max(0, bytes.length + random.below(9) - 4));
      return;
    case 5:
      return void list.splice(at, 0, ...copy([others[random.below(others.length)] ?? field]));
    case 6:
      return void list.push({ number: 1 + random.below(20), wire: 2, value: nested(random) });
    case 7:
      return void list.reverse();
    default:
      if (typeof value === 'bigint') {
        field.value = random.chance(0.2) ? Buffer.alloc(1 + random.below(12), 0xff) : random.pick(integers);
        return;
      }
      field.value = otherBytes(random, bytes);
  }
}

function copy(fields: readonly Field[]): Field[] {
  return fields.map((field) => ({
    ...field,
    value: Array.isArray(field.value)
      ? copy(field.value)
      : Buffer.isBuffer(field.value)
        ? Buffer.from(field.value)
        : field.value,
  }));
}

/** A message that is nearly `seed`: one to four changes of its fields, now and then of its bytes. `others` lend fields. */
export function mutate(random: Random, seed: Buffer, others: readonly Buffer[]): Buffer {
  const root = copy(decode(seed) ?? []);
  const lent = decode(others[random.below(others.length)] ?? seed) ?? [];
  for (let n = random.pick([1, 1, 1, 2, 3, 4]); n > 0; n -= 1) changeOne(random, root, lent);
  const bytes = encode(root);
  if (random.chance(0.1)) return bytes.subarray(0, random.below(bytes.length + 1));
  if (random.chance(0.1) && bytes.length > 0) {
    const flipped = Buffer.from(bytes);
    for (let n = 1 + random.below(8); n > 0; n -= 1) flipped[random.below(flipped.length)] = random.below(256);
    return flipped;
  }
  return bytes;
}
