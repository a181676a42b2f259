import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import type {
  OnnxAttribute,
  OnnxAttributeValue,
  OnnxGraph,
  OnnxModel,
  OnnxNode,
  OnnxTensor,
  OnnxValueInfo,
} from './model.ts';

/** The bytes are not a whole, well-formed ModelProto. */
export class OnnxDecodeError extends Error {}

/** One field of a message, already read: numbers for varints and fixed words, bytes for everything with a length. */
type Field =
  | { readonly number: number; readonly type: 'int'; readonly int: number }
  | { readonly number: number; readonly type: 'word'; readonly word: number }
  | { readonly number: number; readonly type: 'bytes'; readonly bytes: Uint8Array };

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads a ModelProto. Every length is checked against its enclosing message, so that a cut file is an error and never a
 * shorter model; nesting is fixed by the schema, so depth is bounded. Linear in the number of bytes.
 *
 * @throws OnnxDecodeError
 */
export function decodeModel(bytes: Uint8Array): OnnxModel {
  try {
    return readModel(bytes);
  } catch (error) {
    if (error instanceof OnnxDecodeError) throw error;
    throw new OnnxDecodeError(`not a whole ONNX model: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function readModel(bytes: Uint8Array): OnnxModel {
  let irVersion = 0;
  let producerName = '';
  let producerVersion = '';
  let graph: OnnxGraph | undefined;
  const opsets: { domain: string; version: number }[] = [];
  const refusedParts: string[] = [];
  for (const field of fields(bytes)) {
    if (field.number === 1) irVersion = int(field);
    else if (field.number === 2) producerName = text(field);
    else if (field.number === 3) producerVersion = text(field);
    else if (field.number === 7) graph = readGraph(sub(field), refusedParts);
    else if (field.number === 8) opsets.push(readOpset(sub(field)));
    else if (field.number === 20) refusedParts.push('training_info');
    else if (field.number === 25) refusedParts.push('functions');
    else if (field.number === 26) refusedParts.push('configuration');
  }
  if (graph === undefined) throw new OnnxDecodeError('there is no graph in it');
  if (opsets.length === 0) throw new OnnxDecodeError('it names no operator set');
  return { irVersion, producerName, producerVersion, opsets, graph, refusedParts };
}

function readOpset(bytes: Uint8Array): { domain: string; version: number } {
  let domain = '';
  let version = 0;
  for (const field of fields(bytes)) {
    if (field.number === 1) domain = text(field);
    else if (field.number === 2) version = int(field);
  }
  return { domain, version };
}

function readGraph(bytes: Uint8Array, refusedParts: string[]): OnnxGraph {
  let name = '';
  const nodes: OnnxNode[] = [];
  const initializers: OnnxTensor[] = [];
  const inputs: OnnxValueInfo[] = [];
  const outputs: OnnxValueInfo[] = [];
  for (const field of fields(bytes)) {
    if (field.number === 1) nodes.push(readNode(sub(field)));
    else if (field.number === 2) name = text(field);
    else if (field.number === 5) initializers.push(readTensor(sub(field)));
    else if (field.number === 11) inputs.push(readValueInfo(sub(field)));
    else if (field.number === 12) outputs.push(readValueInfo(sub(field)));
    else if (field.number === 15) refusedParts.push('sparse_initializer');
  }
  return { name, nodes, initializers, inputs, outputs };
}

function readNode(bytes: Uint8Array): OnnxNode {
  let name = '';
  let opType = '';
  let domain = '';
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes: OnnxAttribute[] = [];
  for (const field of fields(bytes)) {
    if (field.number === 1) inputs.push(text(field));
    else if (field.number === 2) outputs.push(text(field));
    else if (field.number === 3) name = text(field);
    else if (field.number === 4) opType = text(field);
    else if (field.number === 5) attributes.push(readAttribute(sub(field)));
    else if (field.number === 7) domain = text(field);
  }
  return { opType, domain, name, inputs, outputs, attributes };
}

function readAttribute(bytes: Uint8Array): OnnxAttribute {
  let name = '';
  let value: OnnxAttributeValue = { kind: 'ints', value: [] };
  const floats: number[] = [];
  const ints: number[] = [];
  const strings: string[] = [];
  for (const field of fields(bytes)) {
    switch (field.number) {
      case 1:
        name = text(field);
        break;
      case 2:
        value = { kind: 'float', value: word(field) };
        break;
      case 3:
        value = { kind: 'int', value: int(field) };
        break;
      case 4:
        value = { kind: 'string', value: text(field) };
        break;
      case 5:
        value = { kind: 'tensor', value: readTensor(sub(field)) };
        break;
      case 7:
        pushFloats(field, floats);
        value = { kind: 'floats', value: floats };
        break;
      case 8:
        pushInts(field, ints);
        value = { kind: 'ints', value: ints };
        break;
      case 9:
        strings.push(text(field));
        value = { kind: 'strings', value: strings };
        break;
      case 6:
      case 11:
        return { name, value: { kind: 'refused', what: 'a subgraph' } };
      case 10:
      case 14:
      case 15:
      case 21:
      case 22:
      case 23:
        return { name, value: { kind: 'refused', what: `AttributeProto field ${field.number}` } };
    }
  }
  return { name, value };
}

function readTensor(bytes: Uint8Array): OnnxTensor {
  let name = '';
  let dataType = 0;
  let raw: Uint8Array = new Uint8Array();
  let listBytes = 0;
  let isExternal = false;
  const dims: number[] = [];
  const strings: string[] = [];
  for (const field of fields(bytes)) {
    if (field.number === 1) pushInts(field, dims);
    else if (field.number === 2) dataType = int(field);
    else if (field.number === 6) strings.push(text(field));
    else if (field.number === 8) name = text(field);
    else if (field.number === 9) raw = sub(field);
    else if (field.number === 13) isExternal = true;
    else if (field.number === 14) isExternal ||= int(field) !== 0;
    else if ([4, 5, 7, 10, 11].includes(field.number)) listBytes += field.type === 'bytes' ? field.bytes.length : 8;
  }
  return { name, dataType, dims, raw, strings, listBytes, isExternal };
}

function readValueInfo(bytes: Uint8Array): OnnxValueInfo {
  let name = '';
  let dataType = 0;
  let shape: (number | string)[] = [];
  for (const field of fields(bytes)) {
    if (field.number === 1) name = text(field);
    if (field.number !== 2) continue;
    for (const type of fields(sub(field))) {
      if (type.number !== 1) continue;
      for (const part of fields(sub(type))) {
        if (part.number === 1) dataType = int(part);
        else if (part.number === 2)
          shape = [...fields(sub(part))].filter((each) => each.number === 1).map(readDimension);
      }
    }
  }
  return { name, dataType, shape };
}

function readDimension(dimension: Field): number | string {
  for (const field of fields(sub(dimension))) {
    if (field.number === 1) return int(field);
    if (field.number === 2) return text(field);
  }
  return '';
}

function* fields(bytes: Uint8Array): Generator<Field> {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag();
    if (wire === WireType.Varint) yield { number, type: 'int', int: safeInt(reader.int64()) };
    else if (wire === WireType.Bit32) yield { number, type: 'word', word: reader.float() };
    else if (wire === WireType.LengthDelimited) yield { number, type: 'bytes', bytes: reader.bytes() };
    else if (wire === WireType.Bit64) yield { number, type: 'bytes', bytes: reader.skip(wire) };
    else throw new OnnxDecodeError(`field ${number} has wire type ${wire}, which ONNX does not use`);
  }
}

function safeInt(value: bigint | string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new OnnxDecodeError(`the number ${value} is too large`);
  return number;
}

function int(field: Field): number {
  if (field.type === 'int') return field.int;
  throw new OnnxDecodeError(`field ${field.number} is not a whole number`);
}

function word(field: Field): number {
  if (field.type === 'word') return field.word;
  throw new OnnxDecodeError(`field ${field.number} is not a float`);
}

function sub(field: Field): Uint8Array {
  if (field.type === 'bytes') return field.bytes;
  throw new OnnxDecodeError(`field ${field.number} has no length`);
}

function text(field: Field): string {
  return utf8.decode(sub(field));
}

/** Repeated numbers come packed or one by one; both are legal for a reader. */
function pushInts(field: Field, into: number[]): void {
  if (field.type === 'int') {
    into.push(field.int);
    return;
  }
  const reader = new BinaryReader(sub(field));
  while (reader.pos < reader.len) into.push(safeInt(reader.int64()));
}

function pushFloats(field: Field, into: number[]): void {
  if (field.type === 'word') {
    into.push(field.word);
    return;
  }
  const reader = new BinaryReader(sub(field));
  while (reader.pos < reader.len) into.push(reader.float());
}
