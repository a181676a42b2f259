import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { OnnxAttribute, OnnxGraph, OnnxModel, OnnxNode, OnnxTensor, OnnxValueInfo } from './model.ts';

/** `AttributeProto.AttributeType`. */
const attributeType = { float: 1, int: 2, string: 3, tensor: 4, floats: 6, ints: 7, strings: 8 } as const;

const utf8 = new TextEncoder();

/**
 * Bytes of a model. The same model gives the same bytes: fields are written in ascending order except the graph, which comes
 * last so that a cut file is never a shorter valid one. Linear in the size of the model.
 */
export function encodeModel(model: OnnxModel): Uint8Array {
  const writer = new BinaryWriter();
  int(writer, 1, model.irVersion);
  text(writer, 2, model.producerName);
  text(writer, 3, model.producerVersion);
  for (const opset of model.opsets) {
    message(writer, 8, () => {
      text(writer, 1, opset.domain);
      int(writer, 2, opset.version);
    });
  }
  message(writer, 7, () => writeGraph(writer, model.graph));
  return writer.finish();
}

function writeGraph(writer: BinaryWriter, graph: OnnxGraph): void {
  for (const item of graph.nodes) message(writer, 1, () => writeNode(writer, item));
  text(writer, 2, graph.name);
  for (const item of graph.initializers) message(writer, 5, () => writeTensor(writer, item));
  for (const item of graph.inputs) message(writer, 11, () => writeValueInfo(writer, item));
  for (const item of graph.outputs) message(writer, 12, () => writeValueInfo(writer, item));
}

function writeNode(writer: BinaryWriter, item: OnnxNode): void {
  // An empty name is meaningful here: it leaves an optional input out.
  for (const name of item.inputs) writer.tag(1, WireType.LengthDelimited).string(name);
  for (const name of item.outputs) writer.tag(2, WireType.LengthDelimited).string(name);
  text(writer, 3, item.name);
  text(writer, 4, item.opType);
  for (const each of item.attributes) message(writer, 5, () => writeAttribute(writer, each));
  text(writer, 7, item.domain);
}

function writeAttribute(writer: BinaryWriter, item: OnnxAttribute): void {
  const { value } = item;
  if (value.kind === 'refused') throw new Error(`attribute ${item.name} holds ${value.what}, which cannot be written`);
  text(writer, 1, item.name);
  switch (value.kind) {
    case 'float':
      writer.tag(2, WireType.Bit32).float(value.value);
      break;
    case 'int':
      int(writer, 3, value.value);
      break;
    case 'string':
      writer.tag(4, WireType.LengthDelimited).bytes(utf8.encode(value.value));
      break;
    case 'tensor':
      message(writer, 5, () => writeTensor(writer, value.value));
      break;
    case 'floats':
      message(writer, 7, () => value.value.forEach((each) => writer.float(each)));
      break;
    case 'ints':
      message(writer, 8, () => value.value.forEach((each) => writer.int64(each)));
      break;
    case 'strings':
      for (const each of value.value) writer.tag(9, WireType.LengthDelimited).bytes(utf8.encode(each));
      break;
  }
  int(writer, 20, attributeType[value.kind]);
}

function writeTensor(writer: BinaryWriter, item: OnnxTensor): void {
  if (item.isExternal || item.listBytes > 0) throw new Error(`tensor ${item.name} does not hold its own raw values`);
  message(writer, 1, () => item.dims.forEach((dim) => writer.int64(dim)));
  int(writer, 2, item.dataType);
  for (const each of item.strings) writer.tag(6, WireType.LengthDelimited).bytes(utf8.encode(each));
  text(writer, 8, item.name);
  if (item.raw.length > 0) writer.tag(9, WireType.LengthDelimited).bytes(item.raw);
}

function writeValueInfo(writer: BinaryWriter, item: OnnxValueInfo): void {
  text(writer, 1, item.name);
  // TypeProto.tensor_type, then its shape, then the dimensions.
  message(writer, 2, () =>
    message(writer, 1, () => {
      int(writer, 1, item.dataType);
      message(writer, 2, () => {
        for (const dim of item.shape) {
          message(writer, 1, () => {
            if (typeof dim === 'number') writer.tag(1, WireType.Varint).int64(dim);
            else writer.tag(2, WireType.LengthDelimited).string(dim);
          });
        }
      });
    }),
  );
}

function message(writer: BinaryWriter, field: number, write: () => void): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  write();
  writer.join();
}

function text(writer: BinaryWriter, field: number, value: string): void {
  if (value !== '') writer.tag(field, WireType.LengthDelimited).string(value);
}

function int(writer: BinaryWriter, field: number, value: number): void {
  writer.tag(field, WireType.Varint).int64(value);
}
