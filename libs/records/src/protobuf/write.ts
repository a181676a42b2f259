import type { FieldShape, MessageShape, Scalar, ValueShape } from './shape.ts';
import { wireTypeOf } from './read.ts';
import { toWellKnown } from './well-known.ts';

const varintType = 0;
const lengthType = 2;

/** Writes plain fields, as `readMessage` gives them, in the order of the type. Throws RangeError when a value does not fit. */
export function writeMessage(shape: MessageShape, value: unknown): Buffer {
  const fields = toWellKnown(shape.name, value);
  if (typeof fields !== 'object' || fields === null) throw new RangeError(`${shape.name} is not given as an object`);
  const parts: Buffer[] = [];
  for (const field of shape.fields) {
    const given = Object.hasOwn(fields, field.name) ? (fields as Record<string, unknown>)[field.name] : undefined;
    if (given !== undefined && given !== null) writeField(field, given, parts);
    else if (field.presence === 'required')
      throw new RangeError(`the required field ${field.name} of ${shape.name} is not given`);
  }
  return Buffer.concat(parts);
}

function writeField(field: FieldShape, given: unknown, parts: Buffer[]): void {
  const { value, mapKey } = field;
  if (mapKey !== null) {
    const keyShape: ValueShape = { kind: 'scalar', scalar: mapKey };
    for (const [key, item] of Object.entries(given as Readonly<Record<string, unknown>>)) {
      const entry = Buffer.concat([...tagged(1, keyShape, key), ...tagged(2, value, item)]);
      parts.push(varint(field.number * 8 + lengthType), varint(entry.length), entry);
    }
    return;
  }
  if (!field.isRepeated) {
    parts.push(...tagged(field.number, value, given));
    return;
  }
  const items = given as readonly unknown[];
  const isPackable = value.kind === 'enum' || (value.kind === 'scalar' && wireTypeOf[value.scalar] !== lengthType);
  if (!field.isPacked || !isPackable) {
    for (const item of items) parts.push(...tagged(field.number, value, item));
  } else if (items.length > 0) {
    const packed = Buffer.concat(items.map((item) => plain(value, item)));
    parts.push(varint(field.number * 8 + lengthType), varint(packed.length), packed);
  }
}

function tagged(number: number, value: ValueShape, given: unknown): Buffer[] {
  if (value.kind !== 'message') {
    const wireType = value.kind === 'enum' ? varintType : wireTypeOf[value.scalar];
    return [varint(number * 8 + wireType), plain(value, given)];
  }
  const bytes = writeMessage(value.message, given);
  if (value.isGroup) return [varint(number * 8 + 3), bytes, varint(number * 8 + 4)];
  return [varint(number * 8 + lengthType), varint(bytes.length), bytes];
}

function plain(value: ValueShape, given: unknown): Buffer {
  if (value.kind === 'scalar') return scalarBytes(value.scalar, given);
  if (value.kind === 'message') return writeMessage(value.message, given);
  const number = typeof given === 'number' ? given : value.values.numberOf.get(String(given));
  if (number === undefined) throw new RangeError(`the enum has no value ${String(given).slice(0, 50)}`);
  return varint(BigInt.asUintN(64, BigInt(number)));
}

function scalarBytes(scalar: Scalar, given: unknown): Buffer {
  switch (scalar) {
    case 'double': {
      const bytes = Buffer.alloc(8);
      bytes.writeDoubleLE(floating(scalar, given));
      return bytes;
    }
    case 'float': {
      const bytes = Buffer.alloc(4);
      bytes.writeFloatLE(floating(scalar, given));
      return bytes;
    }
    case 'bool':
      if (!['true', 'false'].includes(String(given))) throw misfit(scalar, given);
      return varint(String(given) === 'true' ? 1 : 0);
    case 'string':
      if (typeof given !== 'string') throw misfit(scalar, given);
      return lengthPrefixed(Buffer.from(given));
    case 'bytes':
      return lengthPrefixed(Buffer.from(String(given), 'base64'));
    case 'fixed32':
    case 'sfixed32': {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32LE(Number(BigInt.asUintN(32, integer(scalar, given))));
      return bytes;
    }
    case 'fixed64':
    case 'sfixed64': {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64LE(BigInt.asUintN(64, integer(scalar, given)));
      return bytes;
    }
    case 'sint32':
    case 'sint64': {
      const value = integer(scalar, given);
      return varint(value < 0n ? -value * 2n - 1n : value * 2n);
    }
    case 'int32':
    case 'int64':
    case 'uint32':
    case 'uint64':
      return varint(BigInt.asUintN(64, integer(scalar, given)));
  }
}

/** A value of another type is never made to fit: it would be another value. */
function misfit(scalar: Scalar, given: unknown): RangeError {
  return new RangeError(`${String(given).slice(0, 50)} is no ${scalar}`);
}

/** Of a number, or the text that JSON has for what is none. */
function floating(scalar: Scalar, given: unknown): number {
  if (typeof given === 'number' || typeof given === 'bigint') return Number(given);
  if (given === 'NaN' || given === 'Infinity' || given === '-Infinity') return Number(given);
  throw misfit(scalar, given);
}

function integer(scalar: Scalar, given: unknown): bigint {
  const isWhole = typeof given === 'bigint' || Number.isInteger(given) || /^-?\d+$/.test(String(given));
  if (!isWhole || typeof given === 'boolean') throw misfit(scalar, given);
  const value = BigInt(given as number | string);
  const bits = scalar.endsWith('32') ? 32 : 64;
  const isUnsigned = scalar.startsWith('u') || scalar.startsWith('fixed');
  if (value !== (isUnsigned ? BigInt.asUintN(bits, value) : BigInt.asIntN(bits, value)))
    throw new RangeError(`${value} does not fit ${scalar}`);
  return value;
}

function lengthPrefixed(bytes: Buffer): Buffer {
  return Buffer.concat([varint(bytes.length), bytes]);
}

/** Base-128 varint of a number from 0 to 2^64 − 1. */
export function varint(value: number | bigint): Buffer {
  let left = BigInt(value);
  const bytes: number[] = [];
  while (left > 0x7fn) {
    bytes.push(Number(left & 0x7fn) | 0x80);
    left >>= 7n;
  }
  bytes.push(Number(left));
  return Buffer.from(bytes);
}
