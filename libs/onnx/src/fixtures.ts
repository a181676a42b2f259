/** Small models for tests of this library and of its users' failure handling. */
import { attribute, float32Tensor, int64Tensor, node, valueInfo } from './build.ts';
import { encodeModel } from './encode.ts';
import type { OnnxGraph, OnnxNode } from './model.ts';

/** Bytes of a model with one input `numeric` of `width` columns and one output `score`. */
export function modelBytes(
  width: number,
  nodes: readonly OnnxNode[],
  constants: OnnxGraph['initializers'] = [],
): Uint8Array {
  return encodeModel({
    irVersion: 10,
    producerName: 'everloop-test',
    producerVersion: '1',
    opsets: [
      { domain: '', version: 21 },
      { domain: 'ai.onnx.ml', version: 5 },
    ],
    graph: {
      name: 'test',
      nodes,
      initializers: constants,
      inputs: [valueInfo('numeric', 'float32', ['N', width])],
      outputs: [valueInfo('score', 'float32', ['N', 1])],
    },
    refusedParts: [],
  });
}

/** score = sigmoid(x · weights). */
export function logisticModel(weights: readonly number[]): Uint8Array {
  return modelBytes(
    weights.length,
    [node('MatMul', ['numeric', 'w'], ['z']), node('Sigmoid', ['z'], ['score'])],
    [float32Tensor('w', Float32Array.from(weights), [weights.length, 1])],
  );
}

/** Takes seconds for a few hundred rows: `rounds` products with a `width` × `width` matrix. */
export function slowModel(width: number, rounds: number): Uint8Array {
  const square = float32Tensor('m', new Float32Array(width * width).fill(1 / width), [width, width]);
  const nodes = Array.from({ length: rounds }, (_, round) =>
    node('MatMul', [round === 0 ? 'numeric' : `h${round}`, 'm'], [`h${round + 1}`]),
  );
  const last = node('ReduceMean', [`h${rounds}`, 'axis'], ['score'], [attribute.int('keepdims', 1)]);
  return modelBytes(width, [...nodes, last], [square, int64Tensor('axis', [1])]);
}
