import { inference } from '@everloop/contracts';
import { describe, expect, it } from 'vitest';
import { scoreOutput, wantsRaw } from './outputs.ts';
import { booleanParameter, textParameter } from './parameters.ts';

type Fields = Parameters<typeof inference.ModelInferRequest.fromPartial>[0];

const raw = { rawInputContents: [Buffer.alloc(4)] };
const asked = (value: boolean) => ({ parameters: { binary_data_output: booleanParameter(value) } });
const output = (value: boolean) => ({
  outputs: [{ name: 'score', parameters: { binary_data: booleanParameter(value) } }],
});

describe('wantsRaw', () => {
  it.each<[string, Fields, boolean]>([
    ['typed in, typed out', {}, false],
    ['raw in, raw out', raw, true],
    ['typed in, raw asked', asked(true), true],
    ['raw in, typed asked', { ...raw, ...asked(false) }, false],
    ['the output decides over the request', { ...asked(false), ...output(true) }, true],
    ['an output that asks nothing', { ...raw, outputs: [{ name: 'score' }] }, true],
    ['a parameter of another type', { parameters: { binary_data_output: textParameter('true') } }, false],
  ])('%s', (_name, fields, expected) => {
    expect(wantsRaw(inference.ModelInferRequest.fromPartial(fields))).toBe(expected);
  });
});

describe('scoreOutput', () => {
  it('has contents or raw contents, never both', () => {
    expect(scoreOutput(new Float64Array([0.5, -1]), false)).toMatchObject({
      outputs: [{ name: 'score', datatype: 'FP32', shape: [2n], contents: { fp32Contents: [0.5, -1] } }],
      rawOutputContents: [],
    });
    expect(scoreOutput(new Float64Array([0.5, -1]), true)).toMatchObject({
      outputs: [{ contents: undefined }],
      rawOutputContents: [Buffer.from('0000003f000080bf', 'hex')],
    });
  });
});
