import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attribute, float32Tensor, int64Tensor, node, uint8Tensor, valueInfo } from './build.ts';
import { decodeModel, OnnxDecodeError } from './decode.ts';
import { encodeModel } from './encode.ts';
import type { OnnxModel, OnnxNode } from './model.ts';

function modelOf(nodes: readonly OnnxNode[], constants: Float32Array = Float32Array.of(1, 2)): OnnxModel {
  return {
    irVersion: 10,
    producerName: 'test',
    producerVersion: '1',
    opsets: [{ domain: '', version: 21 }],
    graph: {
      name: 'g',
      nodes,
      initializers: [float32Tensor('c', constants), int64Tensor('d', [3, -4])],
      inputs: [valueInfo('numeric', 'float32', ['N', 2])],
      outputs: [valueInfo('score', 'float32', ['N', 1])],
    },
    refusedParts: [],
  };
}

const attributes = fc.oneof(
  fc.float({ noNaN: true }).map((value) => attribute.float('a', value)),
  fc.maxSafeInteger().map((value) => attribute.int('a', value)),
  fc.string({ unit: 'grapheme' }).map((value) => attribute.string('a', value)),
  fc.array(fc.float(), { minLength: 1 }).map((value) => attribute.floats('a', value)),
  fc.array(fc.maxSafeInteger(), { minLength: 1 }).map((value) => attribute.ints('a', value)),
  fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1 }).map((value) => attribute.strings('a', value)),
  fc.uint8Array().map((value) => attribute.tensor('a', uint8Tensor('t', value))),
);

const models = fc
  .tuple(fc.array(fc.array(attributes, { maxLength: 3 }), { maxLength: 3 }), fc.float32Array({ maxLength: 8 }))
  .map(([nodes, constants]) =>
    modelOf(
      nodes.map((each) => node('ai.onnx.ml:Thing', ['x', ''], ['y'], each)),
      constants,
    ),
  );

describe('ONNX codec', () => {
  it('reads back what it wrote', () => {
    fc.assert(
      fc.property(models, (model) => {
        expect(decodeModel(encodeModel(model))).toEqual(model);
      }),
    );
  });

  it('writes the same bytes for the same model', () => {
    fc.assert(
      fc.property(models, (model) => {
        expect(encodeModel(model)).toEqual(encodeModel(model));
      }),
    );
  });

  it('refuses every cut of a model', () => {
    const bytes = encodeModel(modelOf([node('Add', ['numeric', 'c'], ['score'])]));
    for (let length = 0; length < bytes.length; length += 1)
      expect(() => decodeModel(bytes.subarray(0, length)), `cut to ${length} bytes`).toThrow(OnnxDecodeError);
  });

  it('never throws anything but its own error on changed bytes', () => {
    const bytes = encodeModel(modelOf([node('Add', ['numeric', 'c'], ['score'], [attribute.ints('a', [1, 2])])]));
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => {
        const changed = Uint8Array.from(bytes);
        changed[at] = value;
        try {
          decodeModel(changed);
        } catch (error) {
          expect(error).toBeInstanceOf(OnnxDecodeError);
        }
      }),
    );
  });
});
