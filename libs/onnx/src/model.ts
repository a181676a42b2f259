/**
 * The part of ONNX's `ModelProto` that Everloop writes and judges, as plain data. Field names follow the public onnx.proto
 * (onnx 1.23); what is not here (training info, functions, sparse tensors, subgraphs) is noticed by the decoder and refused.
 */

/** `TensorProto.DataType` of the element types that Everloop handles. */
export const elementType = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
} as const;

export type ElementTypeName = keyof typeof elementType;

/** Name of a `TensorProto.DataType` number; undefined for the types Everloop refuses. */
export function elementTypeName(code: number): ElementTypeName | undefined {
  const names = Object.keys(elementType) as ElementTypeName[];
  return names.find((name) => elementType[name] === code);
}

/** A constant. Numbers are little-endian in `raw`; strings are in `strings`. */
export interface OnnxTensor {
  readonly name: string;
  /** `TensorProto.DataType` number. */
  readonly dataType: number;
  readonly dims: readonly number[];
  readonly raw: Uint8Array;
  readonly strings: readonly string[];
  /** Bytes in the typed lists (`float_data` and so on), which the decoder counts but does not keep. */
  readonly listBytes: number;
  /** True when the values are in another file; always refused. */
  readonly isExternal: boolean;
}

export type OnnxAttributeValue =
  | { readonly kind: 'float' | 'int'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'tensor'; readonly value: OnnxTensor }
  | { readonly kind: 'floats' | 'ints'; readonly value: readonly number[] }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  /** Subgraphs, sparse tensors, type values: never written, always refused. */
  | { readonly kind: 'refused'; readonly what: string };

export interface OnnxAttribute {
  readonly name: string;
  readonly value: OnnxAttributeValue;
}

export interface OnnxNode {
  readonly opType: string;
  /** Empty for the standard operators, `ai.onnx.ml` for trees and encoders. */
  readonly domain: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly OnnxAttribute[];
}

/** A graph input or output. A dimension is a number, or a name such as `N` for one known only at run time. */
export interface OnnxValueInfo {
  readonly name: string;
  /** `TensorProto.DataType` number; 0 when the value is not a tensor. */
  readonly dataType: number;
  readonly shape: readonly (number | string)[];
}

export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
}

export interface OnnxModel {
  readonly irVersion: number;
  readonly producerName: string;
  readonly producerVersion: string;
  readonly opsets: readonly { readonly domain: string; readonly version: number }[];
  readonly graph: OnnxGraph;
  /** Parts of the message that Everloop refuses, by name; empty for a model that it wrote. */
  readonly refusedParts: readonly string[];
}
