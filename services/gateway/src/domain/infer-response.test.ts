import { inference } from '@everloop/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeInferResponse } from './infer-response.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 300 });
const parameter: fc.Arbitrary<inference.InferParameter> = fc.record({
  parameterChoice: fc.oneof(
    fc.record({ $case: fc.constant('boolParam' as const), value: fc.boolean() }),
    fc.record({
      $case: fc.constant('int64Param' as const),
      value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    }),
    fc.record({ $case: fc.constant('stringParam' as const), value: text }),
    fc.record({ $case: fc.constant('doubleParam' as const), value: fc.double() }),
    fc.record({ $case: fc.constant('uint64Param' as const), value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }),
  ),
});
const parameters = fc.dictionary(
  text.map((key) => `k${key}`),
  parameter,
  { noNullPrototype: true },
);
const contents = fc
  .array(fc.float({ noNaN: true }))
  .map((fp32Contents) => inference.InferTensorContents.fromPartial({ fp32Contents }));
const output = fc.record({
  name: text,
  datatype: fc.constantFrom('FP32', 'BYTES'),
  shape: fc.array(fc.bigInt({ min: 0n, max: 2n ** 40n })),
  parameters,
  contents: fc.option(contents, { nil: undefined }),
});
const response = fc.record({
  modelName: text,
  modelVersion: text,
  id: text,
  parameters,
  outputs: fc.array(output),
  rawOutputContents: fc.array(fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes))),
});

describe('encodeInferResponse', () => {
  it('is what the generated decoder reads, whatever the answer', () => {
    fc.assert(
      fc.property(response, (answer) => {
        expect(inference.ModelInferResponse.decode(encodeInferResponse(answer))).toEqual(answer);
      }),
    );
  });

  it('writes answers that are longer than its memory', () => {
    const rawOutputContents = [Buffer.alloc(100_000, 7), Buffer.alloc(50_000, 8)];
    const answer = inference.ModelInferResponse.fromPartial({ modelName: 'x'.repeat(40_000), rawOutputContents });
    expect(inference.ModelInferResponse.decode(encodeInferResponse(answer))).toEqual(answer);
  });
});
