import { encodeModel, float32Tensor, node, valueInfo } from '@everloop/onnx';

/** A model file: score = sigmoid(weights · x); a missing value counts as 0. */
export function logistic(weights: readonly [number, number]): Uint8Array {
  return encodeModel({
    irVersion: 10,
    producerName: 'test',
    producerVersion: '1',
    opsets: [{ domain: '', version: 21 }],
    graph: {
      name: 'test',
      nodes: [
        node('IsNaN', ['numeric'], ['gaps']),
        node('Where', ['gaps', 'zero', 'numeric'], ['whole']),
        node('MatMul', ['whole', 'w'], ['z']),
        node('Sigmoid', ['z'], ['score']),
      ],
      initializers: [float32Tensor('w', Float32Array.from(weights), [2, 1]), float32Tensor('zero', Float32Array.of(0))],
      inputs: [valueInfo('numeric', 'float32', ['N', 2])],
      outputs: [valueInfo('score', 'float32', ['N', 1])],
    },
    refusedParts: [],
  });
}

export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
