import { inference } from '@everloop/contracts';
import { describe, expect, it } from 'vitest';
import { answerMessage } from './infer-answer.ts';
import { explanationOutputs, scoreOutput, wantedOutputs, wantsRaw, type Output } from './outputs.ts';
import { booleanParameter, textParameter } from './parameters.ts';

type Fields = Parameters<typeof inference.ModelInferRequest.fromPartial>[0];

const raw = { rawInputContents: [Buffer.alloc(4)] };
const asked = (value: boolean) => ({ parameters: { binary_data_output: booleanParameter(value) } });
const output = (value: boolean) => ({
  outputs: [{ name: 'score', parameters: { binary_data: booleanParameter(value) } }],
});

/** Outputs as the message of an answer to a request has them. */
function encodeOutputs(outputs: readonly Output[], request: inference.ModelInferRequest) {
  const answer = { modelName: 'm', modelVersion: '1', id: 'r', parameters: [] };
  return answerMessage({ ...answer, outputs: wantedOutputs(outputs, request), isRaw: wantsRaw(request) });
}

describe('raw or typed', () => {
  it.each<[string, Fields, boolean]>([
    ['typed in, typed out', {}, false],
    ['raw in, raw out', raw, true],
    ['typed in, raw asked', asked(true), true],
    ['raw in, typed asked', { ...raw, ...asked(false) }, false],
    ['the output decides over the request', { ...asked(false), ...output(true) }, true],
    ['an output that asks nothing', { ...raw, outputs: [{ name: 'score' }] }, true],
    ['a parameter of another type', { parameters: { binary_data_output: textParameter('true') } }, false],
  ])('%s', (_name, fields, expected) => {
    const answer = encodeOutputs([scoreOutput([1])], inference.ModelInferRequest.fromPartial(fields));
    expect(answer.rawOutputContents.length > 0).toBe(expected);
  });
});

describe('outputs', () => {
  const score = scoreOutput(new Float64Array([0.5, -1]));
  const explained = explanationOutputs(
    ['a', 'b'],
    [
      { attributions: Float64Array.of(1, 2), base: 0.5 },
      { attributions: Float64Array.of(3, 4), base: 0.25 },
    ],
  );
  const asking = (...names: string[]) =>
    inference.ModelInferRequest.fromPartial({ outputs: names.map((name) => ({ name })) });

  it('have contents or raw contents, never both', () => {
    expect(encodeOutputs([score], asking())).toMatchObject({
      outputs: [{ name: 'score', datatype: 'FP32', shape: [2n], contents: { fp32Contents: [0.5, -1] } }],
      rawOutputContents: [],
    });
    expect(encodeOutputs([score, ...explained], inference.ModelInferRequest.fromPartial(raw))).toMatchObject({
      outputs: [{ contents: undefined }, { contents: undefined }, { contents: undefined }],
      rawOutputContents: [Buffer.from('0000003f000080bf', 'hex'), { length: 32 }, { length: 16 }],
    });
  });

  it('of an explanation are FP64, a row of inputs for each row', () => {
    expect(encodeOutputs([score, ...explained], asking()).outputs.slice(1)).toMatchObject([
      {
        ...{ name: 'attributions', datatype: 'FP64', shape: [2n, 2n], contents: { fp64Contents: [1, 2, 3, 4] } },
        parameters: { inputs: textParameter('a,b') },
      },
      { name: 'base_value', datatype: 'FP64', shape: [2n], contents: { fp64Contents: [0.5, 0.25] } },
    ]);
  });

  it('are those that are asked for', () => {
    const names = (...asked: string[]) =>
      encodeOutputs([score, ...explained], asking(...asked)).outputs.map(({ name }) => name);
    expect(names()).toEqual(['score', 'attributions', 'base_value']);
    expect(names('base_value', 'score')).toEqual(['score', 'base_value']);
  });
});
