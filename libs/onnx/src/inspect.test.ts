import { describe, expect, it } from 'vitest';
import { attribute, float32Tensor, node } from './build.ts';
import { logisticModel, modelBytes } from './fixtures.ts';
import { inspectModel } from './inspect.ts';

/** Appends a field that the encoder never writes: tag byte(s), then a length and its bytes. */
function withField(bytes: Uint8Array, field: number, content: readonly number[]): Uint8Array {
  const tag = (field << 3) | 2;
  const tagBytes = tag < 128 ? [tag] : [(tag & 127) | 128, tag >> 7];
  return Uint8Array.from([...bytes, ...tagBytes, content.length, ...content]);
}

describe('inspectModel', () => {
  it('lists inputs, outputs and operators', () => {
    expect(inspectModel(logisticModel([1, 2, 3]))).toEqual({
      inputs: [{ name: 'numeric', datatype: 'float32', shape: [-1, 3] }],
      outputs: [{ name: 'score', datatype: 'float32', shape: [-1, 1] }],
      ops: ['MatMul', 'Sigmoid'],
    });
  });

  const external = { ...float32Tensor('w', Float32Array.of(1)), isExternal: false };
  const huge = { ...float32Tensor('w', new Float32Array()), dims: [1 << 20, 1 << 20] };
  it.each([
    ['a loop', modelBytes(1, [node('Loop', ['numeric'], ['score'])]), 'EVL_ONNX_OPERATOR_REFUSED', /operator Loop/],
    ['a branch', modelBytes(1, [node('If', ['numeric'], ['score'])]), 'EVL_ONNX_OPERATOR_REFUSED', /operator If/],
    ['an unknown domain', modelBytes(1, [node('evil:Add', [], ['score'])]), 'EVL_ONNX_OPERATOR_REFUSED', /evil:Add/],
    ['functions', withField(logisticModel([1]), 25, [0]), 'EVL_ONNX_OPERATOR_REFUSED', /functions/],
    ['a claim of four terabytes', modelBytes(1, [], [huge]), 'EVL_ONNX_TOO_LARGE', /claims/],
    ['too few bytes', modelBytes(1, [], [{ ...external, dims: [2] }]), 'EVL_ONNX_INVALID', /should have 8 bytes/],
    ['no model at all', new Uint8Array([1, 2, 3]), 'EVL_ONNX_INVALID', /not a whole ONNX model/],
    ['half a model', logisticModel([1]).subarray(0, 40), 'EVL_ONNX_INVALID', /not a whole|no graph/],
  ])('refuses %s', (_name, bytes, code, message) => {
    expect(() => inspectModel(bytes)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });

  it('refuses external data, in a constant of a node too', () => {
    // TensorProto.data_location = EXTERNAL, as the last field of the tensor inside the node's attribute.
    const inside = modelBytes(1, [node('Constant', [], ['score'], [attribute.tensor('value', external)])]);
    const tensorName = 'w'.charCodeAt(0);
    const at = inside.lastIndexOf(tensorName) - 2;
    expect(at).toBeGreaterThan(0);
    // name (field 8) of one byte becomes doc-free data_location (field 14) with the same number of bytes: tag, 1, padding tag.
    const changed = Uint8Array.from(inside);
    changed.set([14 << 3, 0x81, 0x00], at);
    expect(() => inspectModel(changed)).toThrow(expect.objectContaining({ code: 'EVL_ONNX_EXTERNAL_DATA' }));
  });
});
