import { ByteReader, emptyItemsMax, MalformedBytes } from '../wire/byte-reader.ts';
import type { CompiledSchema, SchemaText } from '../registry/types.ts';
import { fromDescriptor, isDescriptor } from './from-descriptor.ts';
import { fromText } from './from-text.ts';
import { readMessage } from './read.ts';
import type { MessageShape, ProtoFile } from './shape.ts';
import { varint, writeMessage } from './write.ts';

/** Most indexes that lead to a nested message. */
const indexesMax = 32;
/** The smallest tag: field 1, varint. */
const tagMin = 8;

/** A message in the wire format begins with the path to its type; `decode` takes both. Throws when the schema is none. */
export function compileProtobuf(
  schema: SchemaText,
  references: readonly SchemaText[],
  depthMax: number,
): CompiledSchema {
  const file = isDescriptor(schema.schema)
    ? fromDescriptor(schema.schema, references)
    : fromText(schema.schema, references);
  return {
    decode(bytes, indexBytes) {
      const { message, length } = findMessage(file, indexBytes ?? bytes);
      const body = indexBytes === undefined ? bytes.subarray(length) : bytes;
      return readMessage(message, body, { depth: depthMax, emptyItems: emptyItemsMax });
    },
    encode(fields) {
      const message = file.messageAt([0]);
      if (message === null) throw new RangeError('the schema has no message');
      return Buffer.concat([varint(0), writeMessage(message, fields)]);
    },
  };
}

/**
 * The type that the indexes name. Some writers (kafkajs's registry client 4.1) leave the indexes out: then the bytes begin with a
 * field's tag, 8 or more, which as indexes would lead four messages deep; only where nothing is there is the first message meant.
 */
function findMessage(file: ProtoFile, bytes: Uint8Array): { readonly message: MessageShape; readonly length: number } {
  const found = readIndexes(file, bytes);
  const first = file.messageAt([0]);
  if (found !== null) return found;
  if (first !== null && (bytes[0] ?? tagMin) >= tagMin) return { message: first, length: 0 };
  throw new MalformedBytes('the schema has no message of these indexes');
}

/** How many indexes, then the indexes, zig-zag; a single 0 stands for the first message. */
function readIndexes(file: ProtoFile, bytes: Uint8Array): ReturnType<typeof findMessage> | null {
  const reader = new ByteReader(bytes);
  try {
    const count = reader.zigzag();
    if (typeof count === 'bigint' || count < 0 || count > indexesMax) return null;
    const indexes = count === 0 ? [0] : Array.from({ length: count }, () => Number(reader.zigzag()));
    const message = file.messageAt(indexes);
    return message === null ? null : { message, length: reader.position };
  } catch {
    return null;
  }
}
