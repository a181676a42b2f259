import { inference } from '@everloop/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answerMessage, encodeAnswer, type InferAnswer } from './infer-answer.ts';
import type { Output } from './outputs.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 300 });
const parameters = fc.uniqueArray(
  fc.tuple(
    text.map((key) => `k${key}`),
    fc.oneof(text, fc.boolean(), fc.double()),
  ),
  { selector: ([name]) => name, maxLength: 12 },
);
const outputOf = (datatype: Output['datatype'], element: fc.Arbitrary<number | Buffer>): fc.Arbitrary<Output> =>
  fc.record({
    name: text,
    datatype: fc.constant(datatype),
    shape: fc.array(fc.integer({ min: 0, max: 2 ** 40 }), { maxLength: 3 }),
    elements: fc.array(element, { maxLength: 200 }),
    parameters,
  });
const output = fc.oneof(
  outputOf('FP32', fc.float()),
  outputOf('FP64', fc.double()),
  outputOf(
    'BYTES',
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  ),
);
const answers: fc.Arbitrary<InferAnswer> = fc.record({
  ...{ modelName: text, modelVersion: text, id: text, parameters },
  outputs: fc.array(output, { maxLength: 4 }),
  isRaw: fc.boolean(),
});
const decoded = (answer: InferAnswer) => inference.ModelInferResponse.decode(encodeAnswer(answer));

describe('encodeAnswer', () => {
  it('gives the bytes of the message, whatever the answer', () => {
    fc.assert(
      fc.property(answers, (answer) => {
        expect(decoded(answer)).toEqual(answerMessage(answer));
      }),
    );
  });

  it('writes answers that are longer than its memory', () => {
    const outputs = [20_000, 10_000].map((rows): Output => {
      return { name: 'score', datatype: 'FP32', shape: [rows], elements: new Float64Array(rows), parameters: [] };
    });
    for (const isRaw of [true, false]) {
      const answer = { modelName: 'x'.repeat(40_000), modelVersion: '1', id: '', parameters: [], outputs, isRaw };
      expect(decoded(answer)).toEqual(answerMessage(answer));
    }
  });
});
