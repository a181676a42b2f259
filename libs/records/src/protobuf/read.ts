import {
  asLength,
  ByteReader,
  exactInteger,
  MalformedBytes,
  setOwn,
  TooDeep,
  type Budget,
} from '../wire/byte-reader.ts';
import type { FieldShape, MessageShape, Scalar, ValueShape } from './shape.ts';
import { wellKnown } from './well-known.ts';

/** Wire types (Protocol Buffers, "Encoding"). */
export const wire = { varint: 0, fixed64: 1, length: 2, groupStart: 3, groupEnd: 4, fixed32: 5 } as const;

export const wireTypeOf: Readonly<Record<Scalar, number>> = {
  double: wire.fixed64,
  float: wire.fixed32,
  int32: wire.varint,
  int64: wire.varint,
  uint32: wire.varint,
  uint64: wire.varint,
  sint32: wire.varint,
  sint64: wire.varint,
  fixed32: wire.fixed32,
  fixed64: wire.fixed64,
  sfixed32: wire.fixed32,
  sfixed64: wire.fixed64,
  bool: wire.varint,
  string: wire.length,
  bytes: wire.length,
};

const numberMax = 0x1fff_ffff;

/**
 * Reads a message to plain fields by their names in the .proto file, values as in ProtoJSON except that 64-bit integers are numbers
 * where those are exact. Bytes that do not fit the type are refused, unknown fields passed over.
 */
export function readMessage(shape: MessageShape, bytes: Uint8Array, budget: Budget): unknown {
  return readUntil(shape, new ByteReader(bytes), budget, null);
}

/** To the end of the reader, or to the end of group `group`. */
function readUntil(
  shape: MessageShape,
  reader: ByteReader,
  budget: Budget,
  group: number | null,
  into?: Record<string, unknown>,
): unknown {
  if ((budget.depth -= 1) < 0) throw new TooDeep('nested too deep');
  const fields = into ?? defaults(shape);
  let isClosed = group === null;
  while (reader.left > 0) {
    const { number, wireType } = readTag(reader);
    if (wireType === wire.groupEnd) {
      if (number !== group) throw new MalformedBytes(`a group ends that was not begun, number ${number}`);
      isClosed = true;
      break;
    }
    const field = shape.byNumber.get(number);
    if (field === undefined) skip(reader, number, wireType, budget);
    else readField(field, wireType, reader, budget, fields);
  }
  if (!isClosed) throw new MalformedBytes('a group does not end');
  for (const { name, presence } of shape.fields)
    if (presence === 'required' && !Object.hasOwn(fields, name))
      throw new MalformedBytes(`the required field ${name} is not there`);
  budget.depth += 1;
  const convert = wellKnown(shape.name);
  return convert === undefined ? fields : convert(fields);
}

function readTag(reader: ByteReader): { readonly number: number; readonly wireType: number } {
  const tag = reader.varint();
  const number = typeof tag === 'bigint' ? Infinity : Math.floor(tag / 8);
  if (number < 1 || number > numberMax) throw new MalformedBytes(`a field has the impossible number ${number}`);
  return { number, wireType: Number(tag) & 7 };
}

/** What is there without being written: implicit scalars and enums, empty lists and maps. */
function defaults(shape: MessageShape): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const field of shape.fields) {
    if (field.mapKey !== null) fields[field.name] = {};
    else if (field.isRepeated) fields[field.name] = [];
    else if (field.presence === 'implicit') fields[field.name] = defaultOf(field.value);
  }
  return fields;
}

export function defaultOf(value: ValueShape): unknown {
  if (value.kind === 'enum') return value.values.nameOf.get(0) ?? 0;
  if (value.kind === 'message') return undefined;
  if (value.scalar === 'string' || value.scalar === 'bytes') return '';
  return value.scalar === 'bool' ? false : 0;
}

function readField(
  field: FieldShape,
  wireType: number,
  reader: ByteReader,
  budget: Budget,
  fields: Record<string, unknown>,
): void {
  const { name, value } = field;
  if (field.mapKey !== null) {
    readEntry(field, field.mapKey, wireType, reader, budget, fields[name] as Record<string, unknown>);
    return;
  }
  if (field.isRepeated) {
    const items = fields[name] as unknown[];
    if (wireType === wire.length && isPackable(value)) readPacked(value, reader, items);
    else items.push(readValue(field, wireType, reader, budget));
    return;
  }
  for (const rival of field.rivals) Reflect.deleteProperty(fields, rival);
  const before = fields[name];
  // A message that is written twice is one message.
  const isMerged =
    value.kind === 'message' &&
    typeof before === 'object' &&
    before !== null &&
    wellKnown(value.message.name) === undefined;
  fields[name] = readValue(field, wireType, reader, budget, isMerged ? (before as Record<string, unknown>) : undefined);
}

function isPackable(value: ValueShape): boolean {
  return value.kind === 'enum' || (value.kind === 'scalar' && wireTypeOf[value.scalar] !== wire.length);
}

function readPacked(value: ValueShape, reader: ByteReader, items: unknown[]): void {
  reader.within(asLength(reader.varint()), () => {
    while (reader.left > 0) items.push(readPlain(value, reader));
  });
}

function readEntry(
  field: FieldShape,
  keyScalar: Scalar,
  wireType: number,
  reader: ByteReader,
  budget: Budget,
  entries: Record<string, unknown>,
): void {
  if (wireType !== wire.length) throw wrongWireType(field, wireType);
  let key: unknown = defaultOf({ kind: 'scalar', scalar: keyScalar });
  let value = field.value.kind === 'message' ? emptyMessage(field.value.message, budget) : defaultOf(field.value);
  reader.within(asLength(reader.varint()), () => {
    while (reader.left > 0) {
      const tag = readTag(reader);
      if (tag.number === 1) {
        if (tag.wireType !== wireTypeOf[keyScalar]) throw wrongWireType(field, tag.wireType);
        key = readScalar(keyScalar, reader);
      } else if (tag.number === 2) value = readValue(field, tag.wireType, reader, budget);
      else skip(reader, tag.number, tag.wireType, budget);
    }
  });
  setOwn(entries, String(key), value);
}

function emptyMessage(message: MessageShape, budget: Budget): unknown {
  return readUntil(message, new ByteReader(Buffer.alloc(0)), budget, null);
}

function readValue(
  field: FieldShape,
  wireType: number,
  reader: ByteReader,
  budget: Budget,
  into?: Record<string, unknown>,
): unknown {
  const { value } = field;
  if (value.kind !== 'message') {
    const wanted = value.kind === 'enum' ? wire.varint : wireTypeOf[value.scalar];
    if (wireType !== wanted) throw wrongWireType(field, wireType);
    return readPlain(value, reader);
  }
  if (wireType !== (value.isGroup ? wire.groupStart : wire.length)) throw wrongWireType(field, wireType);
  if (value.isGroup) return readUntil(value.message, reader, budget, field.number, into);
  return reader.within(asLength(reader.varint()), () => readUntil(value.message, reader, budget, null, into));
}

function readPlain(value: ValueShape, reader: ByteReader): unknown {
  if (value.kind === 'enum') {
    const number = int32(reader.varint());
    return value.values.nameOf.get(number) ?? number;
  }
  if (value.kind === 'scalar') return readScalar(value.scalar, reader);
  throw new TypeError('a message is no plain value');
}

function readScalar(scalar: Scalar, reader: ByteReader): unknown {
  switch (scalar) {
    case 'double':
      return jsonNumber(reader.float64());
    case 'float':
      return jsonNumber(reader.float32());
    case 'int32':
      return int32(reader.varint());
    case 'uint32':
      return int32(reader.varint()) >>> 0;
    case 'sint32': {
      const value = int32(reader.varint());
      return (value >>> 1) ^ -(value & 1);
    }
    case 'int64':
      return exactInteger(BigInt.asIntN(64, BigInt(reader.varint())));
    case 'uint64':
      return exactInteger(reader.varint());
    case 'sint64':
      return exactInteger(reader.zigzag());
    case 'fixed32':
      return reader.uint32();
    case 'sfixed32':
      return reader.uint32() | 0;
    case 'fixed64':
      return exactInteger(reader.uint64());
    case 'sfixed64':
      return exactInteger(BigInt.asIntN(64, reader.uint64()));
    case 'bool':
      return reader.varint() !== 0;
    case 'string':
      return reader.text(asLength(reader.varint()));
    case 'bytes':
      return reader.slice(asLength(reader.varint())).toString('base64');
  }
}

/** The low 32 bits with their sign: a negative int32 is written in ten bytes. */
function int32(value: number | bigint): number {
  return typeof value === 'bigint' ? Number(BigInt.asIntN(32, value)) : value | 0;
}

/** ProtoJSON writes what JSON cannot as text: `NaN`, `Infinity`, `-Infinity`. */
function jsonNumber(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

function skip(reader: ByteReader, number: number, wireType: number, budget: Budget): void {
  switch (wireType) {
    case wire.varint:
      reader.varint();
      return;
    case wire.fixed64:
      reader.take(8);
      return;
    case wire.length:
      reader.take(asLength(reader.varint()));
      return;
    case wire.fixed32:
      reader.take(4);
      return;
    case wire.groupStart:
      skipGroup(reader, number, budget);
      return;
    default:
      throw new MalformedBytes(`field ${number} has the impossible wire type ${wireType}`);
  }
}

function skipGroup(reader: ByteReader, group: number, budget: Budget): void {
  if ((budget.depth -= 1) < 0) throw new TooDeep('nested too deep');
  for (;;) {
    const { number, wireType } = readTag(reader);
    if (wireType !== wire.groupEnd) skip(reader, number, wireType, budget);
    else if (number === group) break;
    else throw new MalformedBytes(`a group ends that was not begun, number ${number}`);
  }
  budget.depth += 1;
}

function wrongWireType(field: FieldShape, wireType: number): MalformedBytes {
  return new MalformedBytes(
    `field ${field.name} (${field.number}) has wire type ${wireType}, which its type never has`,
  );
}
