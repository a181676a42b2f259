import avsc, { type Schema, type Type } from 'avsc';
import { ByteReader, emptyItemsMax, MalformedBytes, narrow } from '../wire/byte-reader.ts';
import type { CompiledSchema, SchemaText } from '../registry/types.ts';
import { compileReader } from './read.ts';
import { logicalTypes } from './logical.ts';

const { types } = avsc;

/** Longs as number, bigint or decimal text; only for encoding, the reader has its own. */
const exactLong = types.LongType.__with({
  fromBuffer: (bytes: Buffer) => narrow(bytes.readBigInt64LE()),
  toBuffer: (value: number | bigint | string) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(value));
    return bytes;
  },
  fromJSON: (value: unknown) => value,
  toJSON: (value: unknown) => value,
  isValid: (value: unknown) =>
    typeof value === 'bigint' ||
    Number.isSafeInteger(value) ||
    (typeof value === 'string' && /^-?\d{1,19}$/.test(value)),
  compare: (a: number | bigint, b: number | bigint) => (a < b ? -1 : a > b ? 1 : 0),
});

/** Compiles an Avro schema and the named types that it refers to. Throws when it is none. `depthMax` bounds the nesting of a value. */
export function compileAvro(schema: SchemaText, references: readonly SchemaText[], depthMax: number): CompiledSchema {
  // `__proto__: null`: a schema must find only the types that it was given.
  const registry: Record<string, Type> = Object.create(null) as Record<string, Type>;
  registry['long'] = exactLong;
  const options = { registry, logicalTypes: { ...logicalTypes }, wrapUnions: 'auto' as const };
  for (const reference of references) avsc.Type.forSchema(JSON.parse(reference.schema) as Schema, options);
  const type = avsc.Type.forSchema(JSON.parse(schema.schema) as Schema, options);
  const read = compileReader(type);
  return {
    decode(bytes) {
      const reader = new ByteReader(bytes);
      const value = read(reader, { depth: depthMax, emptyItems: emptyItemsMax });
      if (reader.left > 0) throw new MalformedBytes(`${reader.left} bytes follow after the value`);
      return value;
    },
    encode: (fields) => type.toBuffer(fields),
  };
}
