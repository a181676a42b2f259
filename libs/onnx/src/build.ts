import { elementType, type OnnxAttribute, type OnnxNode, type OnnxTensor, type OnnxValueInfo } from './model.ts';

const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** Bytes of numbers as `raw_data` wants them. ONNX Runtime runs on little-endian machines only, and so does this. */
function rawBytes(values: Float32Array | BigInt64Array | Uint8Array): Uint8Array {
  if (!littleEndian) throw new Error('ONNX tensors are little-endian; this machine is not');
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function tensor(name: string, dataType: number, dims: readonly number[], raw: Uint8Array): OnnxTensor {
  return { name, dataType, dims, raw, strings: [], listBytes: 0, isExternal: false };
}

/** A float32 constant; by default one-dimensional. */
export function float32Tensor(
  name: string,
  values: Float32Array,
  dims: readonly number[] = [values.length],
): OnnxTensor {
  return tensor(name, elementType.float32, dims, rawBytes(values));
}

/** An int64 constant, for example the sizes of a Split; one-dimensional. */
export function int64Tensor(name: string, values: readonly number[]): OnnxTensor {
  return tensor(name, elementType.int64, [values.length], rawBytes(BigInt64Array.from(values, BigInt)));
}

/** A uint8 constant, for example the modes of tree nodes; one-dimensional. */
export function uint8Tensor(name: string, values: Uint8Array): OnnxTensor {
  return tensor(name, elementType.uint8, [values.length], rawBytes(values));
}

/** Attributes of a node, one function for each kind. */
export const attribute = {
  float: (name: string, value: number): OnnxAttribute => ({ name, value: { kind: 'float', value } }),
  int: (name: string, value: number): OnnxAttribute => ({ name, value: { kind: 'int', value } }),
  string: (name: string, value: string): OnnxAttribute => ({ name, value: { kind: 'string', value } }),
  tensor: (name: string, value: OnnxTensor): OnnxAttribute => ({ name, value: { kind: 'tensor', value } }),
  floats: (name: string, value: readonly number[]): OnnxAttribute => ({ name, value: { kind: 'floats', value } }),
  ints: (name: string, value: readonly number[]): OnnxAttribute => ({ name, value: { kind: 'ints', value } }),
  strings: (name: string, value: readonly string[]): OnnxAttribute => ({ name, value: { kind: 'strings', value } }),
} as const;

/** A node. `opType` may carry its domain: `ai.onnx.ml:TreeEnsemble`. */
export function node(
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: readonly OnnxAttribute[] = [],
): OnnxNode {
  const colon = opType.indexOf(':');
  const domain = colon < 0 ? '' : opType.slice(0, colon);
  return { opType: opType.slice(colon + 1), domain, name: `${outputs[0] ?? opType}_node`, inputs, outputs, attributes };
}

/** A graph input or output of the given element type and shape; a text dimension is one known only at run time. */
export function valueInfo(
  name: string,
  type: keyof typeof elementType,
  shape: readonly (number | string)[],
): OnnxValueInfo {
  return { name, dataType: elementType[type], shape };
}
