import type { Type } from 'avsc';
import {
  asLength,
  exactInteger,
  MalformedBytes,
  setOwn,
  TooDeep,
  type Budget,
  type ByteReader,
} from '../wire/byte-reader.ts';
import { ConvertedType } from './logical.ts';

/** Reads one value; never past the end, never deeper or longer than the budget. */
export type ReadValue = (reader: ByteReader, budget: Budget) => unknown;

/** What the reader needs to know of avsc's compiled types; its typings leave most of it open. */
interface AvroNode {
  readonly typeName: string;
  readonly fields?: readonly { readonly name: string; readonly type: Type }[];
  readonly itemsType?: Type;
  readonly valuesType?: Type;
  readonly types?: readonly Type[];
  readonly symbols?: readonly string[];
  readonly size?: number;
  readonly underlyingType?: Type;
}

/**
 * Compiles a reader of a writer's schema to plain fields: unions give the value of their branch, enums their symbol, bytes and fixed
 * base64 text, long beyond 2^53 decimal text. avsc's own reader is not used: it rounds or refuses longs, and an array of nulls of ten
 * bytes makes it allocate without end.
 */
export function compileReader(type: Type, known = new Map<Type, ReadValue>()): ReadValue {
  const found = known.get(type);
  if (found !== undefined) return found;
  // A type may contain itself: until it is compiled, its place is held by a function that looks it up.
  known.set(type, (reader, budget) => (known.get(type) as ReadValue)(reader, budget));
  const read = compile(type, known);
  known.set(type, read);
  return read;
}

function compile(type: Type, known: Map<Type, ReadValue>): ReadValue {
  const node = type as unknown as AvroNode;
  if (type instanceof ConvertedType) return converted(type, known);
  switch (node.typeName) {
    case 'null':
      return () => null;
    case 'boolean':
      return readBoolean;
    case 'int':
      return readInt;
    case 'long':
    case 'abstract:long':
      return (reader) => exactInteger(reader.zigzag());
    case 'float':
      return (reader) => reader.float32();
    case 'double':
      return (reader) => reader.float64();
    case 'string':
      return (reader) => reader.text(asLength(reader.zigzag()));
    case 'bytes':
      return (reader) => reader.slice(asLength(reader.zigzag())).toString('base64');
    case 'fixed':
      return (reader) => reader.slice(node.size ?? 0).toString('base64');
    case 'enum':
      return enumReader(node.symbols ?? []);
    case 'array':
      return arrayReader(compileReader(node.itemsType as Type, known));
    case 'map':
      return mapReader(compileReader(node.valuesType as Type, known));
    case 'record':
    case 'error':
      return recordReader(
        (node.fields ?? []).map(({ name, type: own }) => ({ name, read: compileReader(own, known) })),
      );
    case 'union:unwrapped':
    case 'union:wrapped':
      return unionReader((node.types ?? []).map((branch) => compileReader(branch, known)));
    default:
      throw new TypeError(`the Avro type ${node.typeName} is not supported`);
  }
}

/** The raw value of the annotated type, then its meaning. */
function converted(type: ConvertedType, known: Map<Type, ReadValue>): ReadValue {
  const node = type.underlyingType as unknown as AvroNode;
  const { fromRaw } = type.conversion;
  switch (node.typeName) {
    case 'bytes':
      return (reader) => fromRaw(reader.slice(asLength(reader.zigzag())));
    case 'fixed':
      return (reader) => fromRaw(reader.slice(node.size ?? 0));
    case 'int':
    case 'long':
    case 'abstract:long':
      return (reader) => fromRaw(reader.zigzag());
    default:
      return compileReader(type.underlyingType, known);
  }
}

function readBoolean(reader: ByteReader): boolean {
  const byte = reader.byte();
  if (byte > 1) throw new MalformedBytes(`a boolean is ${byte}`);
  return byte === 1;
}

function readInt(reader: ByteReader): number {
  const value = reader.zigzag();
  if (typeof value === 'bigint' || value > 0x7fff_ffff || value < -0x8000_0000)
    throw new MalformedBytes(`an int is ${value}`);
  return value;
}

function enumReader(symbols: readonly string[]): ReadValue {
  return (reader) => {
    const index = reader.zigzag();
    const symbol = typeof index === 'number' ? symbols[index] : undefined;
    if (symbol === undefined) throw new MalformedBytes(`an enum has no symbol number ${index}`);
    return symbol;
  };
}

function unionReader(branches: readonly ReadValue[]): ReadValue {
  return (reader, budget) => {
    const index = reader.zigzag();
    const read = typeof index === 'number' ? branches[index] : undefined;
    if (read === undefined) throw new MalformedBytes(`a union has no branch number ${index}`);
    return read(reader, budget);
  };
}

function recordReader(fields: readonly { readonly name: string; readonly read: ReadValue }[]): ReadValue {
  if (fields.some(({ name }) => name === '__proto__')) throw new TypeError('a field cannot be named __proto__');
  return (reader, budget) => {
    enter(budget);
    const record: Record<string, unknown> = {};
    for (const { name, read } of fields) record[name] = read(reader, budget);
    budget.depth += 1;
    return record;
  };
}

function arrayReader(readItem: ReadValue): ReadValue {
  return (reader, budget) => {
    enter(budget);
    const items: unknown[] = [];
    readBlocks(reader, budget, () => items.push(readItem(reader, budget)));
    budget.depth += 1;
    return items;
  };
}

function mapReader(readItem: ReadValue): ReadValue {
  return (reader, budget) => {
    enter(budget);
    const map: Record<string, unknown> = {};
    readBlocks(reader, budget, () => {
      const key = reader.text(asLength(reader.zigzag()));
      setOwn(map, key, readItem(reader, budget));
    });
    budget.depth += 1;
    return map;
  };
}

/** Blocks of items, each with its count; a negative count is followed by the block's size in bytes. Ends with a count of 0. */
function readBlocks(reader: ByteReader, budget: Budget, readItem: () => void): void {
  for (;;) {
    const count = reader.zigzag();
    if (count === 0) return;
    if (typeof count === 'bigint') throw new MalformedBytes('a block has more items than bytes can hold');
    if (count < 0) asLength(reader.zigzag());
    for (let left = Math.abs(count); left > 0; left -= 1) {
      const before = reader.position;
      readItem();
      if (reader.position === before && (budget.emptyItems -= 1) < 0)
        throw new MalformedBytes('too many items without bytes');
    }
  }
}

function enter(budget: Budget): void {
  if ((budget.depth -= 1) < 0) throw new TooDeep('nested too deep');
}
