import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeInputs } from '../domain/tensors.ts';
import { encodeRaw } from '../domain/datatypes.ts';
import { jsonLength, readInferRequest } from './rest-request.ts';

const read = (body: unknown) => readInferRequest('m', '', Buffer.from(JSON.stringify(body)));
const input = (fields: object) => ({ inputs: [{ name: 'x', datatype: 'FP64', shape: [2], data: [1, 2], ...fields }] });

describe('readInferRequest', () => {
  it.each<[string, object, readonly (string | number)[]]>([
    ['numbers', {}, [1, 2]],
    ['nested numbers', { shape: [2, 1], data: [[1], [2]] }, [1, 2]],
    ['nested text', { datatype: 'BYTES', shape: [2, 1], data: [['a'], ['é']] }, ['a', 'é']],
    ['whole numbers', { datatype: 'INT64', data: [3, -4] }, [3, -4]],
    ['one value without a list', { shape: [1], data: 7 }, [7]],
    ['halves', { datatype: 'FP16', data: [0.5, -2] }, [0.5, -2]],
    ['small integers', { datatype: 'UINT8', data: [0, 255] }, [0, 255]],
    [
      'unsigned integers of 64 bits',
      { datatype: 'UINT64', data: [0, 9_007_199_254_740_991] },
      [0, 9_007_199_254_740_991],
    ],
    ['booleans', { datatype: 'BOOL', data: [true, 0] }, [1, 0]],
    ['base64', { datatype: 'BYTES', parameters: { content_type: 'base64' }, data: ['RVdS', 'w6k='] }, ['EWR', 'é']],
  ])('%s', (_name, fields, values) => {
    const request = read(input(fields));
    const decoded = request.ok ? decodeInputs(request.value) : request;
    expect(decoded.ok && 'columns' in decoded ? decoded.columns[0]?.values : decoded).toEqual(values);
  });

  it('carries id, parameters and outputs', () => {
    const request = read({
      ...input({}),
      id: 'r',
      parameters: { a: 1, b: 0.5, c: 't', d: true },
      outputs: [{ name: 'score' }],
    });
    expect(request).toMatchObject({
      ok: true,
      value: {
        id: 'r',
        outputs: [{ name: 'score' }],
        parameters: {
          a: { parameterChoice: { $case: 'int64Param', value: 1n } },
          b: { parameterChoice: { $case: 'doubleParam', value: 0.5 } },
          c: { parameterChoice: { $case: 'stringParam', value: 't' } },
          d: { parameterChoice: { $case: 'boolParam', value: true } },
          binary_data_output: { parameterChoice: { $case: 'boolParam', value: false } },
        },
      },
    });
  });

  it.each<[string, unknown, string]>([
    ['no object', [], 'the body must be a JSON object'],
    ['no inputs', {}, "the body needs a list 'inputs'"],
    ['an id that is no text', { inputs: [], id: 7 }, "'id' must be a string"],
    ['an input without name', { inputs: [{}] }, 'every input needs a name'],
    ['no datatype', input({ datatype: undefined }), "'x' needs a datatype"],
    ['a shape of text', input({ shape: ['2'] }), "'x' needs a shape of integers"],
    ['text in a number', input({ data: ['1', 2] }), 'data that is not FP64'],
    ['null in a number', input({ data: [null, 2] }), 'data that is not FP64'],
    ['a fraction in an integer', input({ datatype: 'INT32', data: [0.5, 1] }), 'data that is not INT32'],
    ['a number in text', input({ datatype: 'BYTES', data: [1, 2] }), 'data that is not BYTES'],
    ['a UINT8 that is none', input({ datatype: 'UINT8', data: [1, 256] }), 'data that is not UINT8: element 1'],
    ['an integer that JSON has rounded', input({ datatype: 'INT64', data: [2 ** 53, 1] }), 'data that is not INT64'],
    [
      'text that is not base64',
      input({ datatype: 'BYTES', parameters: { content_type: 'base64' }, data: ['é', ''] }),
      'BYTES in base64',
    ],
    ['an unknown datatype', input({ datatype: 'FP8' }), "'x' has datatype 'FP8'"],
    ['too deep nesting', input({ data: [[[[[[[[[1]]]]]]]]] }), 'nested deeper than 8'],
    ['too many elements', input({ data: Array(65_537).fill(1) }), 'more than 65536 elements'],
    ['outputs that are no list', { ...input({}), outputs: {} }, "'outputs' must be a list"],
    ['an output without a name', { ...input({}), outputs: [{}] }, 'every output needs a name'],
    ['parameters that are a list', { ...input({}), parameters: [] }, 'parameters must be an object'],
    ['a nested parameter', { ...input({}), parameters: { a: {} } }, "parameter 'a' must be"],
  ])('refuses %s', (_name, body, reason) => {
    const request = read(body);
    expect(request.ok ? '' : request.reason).toContain(reason);
  });

  it('never throws, whatever JSON comes', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (inputs, rest) => {
        read(inputs);
        const request = read({
          inputs: [inputs, { name: 'x', datatype: 'BYTES', shape: [1], data: rest }],
          parameters: rest,
        });
        return request.ok || request.reason !== '';
      }),
    );
  });
});

const withBlobs = (json: object, ...blobs: Buffer[]) => {
  const text = Buffer.from(JSON.stringify(json));
  return readInferRequest('m', '', Buffer.concat([text, ...blobs]), text.length);
};
const binary = (name: string, datatype: string, size: number) => ({
  ...{ name, datatype, shape: [2], parameters: { binary_data_size: size } },
});

describe('binary tensors', () => {
  it('are taken in order, beside JSON ones', () => {
    const texts = encodeRaw('BYTES', [Buffer.from('a'), Buffer.from('é')]);
    const request = withBlobs(
      {
        inputs: [
          binary('x', 'FP32', 8),
          { name: 'y', datatype: 'INT16', shape: [2], data: [1, -2] },
          binary('z', 'BYTES', texts.length),
        ],
      },
      encodeRaw('FP32', [0.5, Number.NaN]),
      texts,
    );
    const decoded = request.ok ? decodeInputs(request.value) : request;
    expect(decoded).toMatchObject({
      columns: [{ values: [0.5, Number.NaN] }, { values: [1, -2] }, { values: ['a', 'é'] }],
    });
  });

  it.each<[string, ReturnType<typeof withBlobs>, string]>([
    [
      'a size beyond the body',
      withBlobs({ inputs: [binary('x', 'FP32', 9)] }, Buffer.alloc(8)),
      'only 8 bytes are left',
    ],
    ['a negative size', withBlobs({ inputs: [binary('x', 'FP32', -1)] }), 'is no size'],
    ['a size that is a fraction', withBlobs({ inputs: [binary('x', 'FP32', 0.5)] }), 'is no size'],
    [
      'bytes of no input',
      withBlobs({ inputs: [binary('x', 'FP32', 8)] }, Buffer.alloc(9)),
      '1 bytes of the body belong to no input',
    ],
    [
      'data beside a size',
      withBlobs({ inputs: [{ ...binary('x', 'FP32', 0), data: [1] }] }),
      'has data and binary_data_size',
    ],
  ])('refuses %s', (_name, request, reason) => {
    expect(request.ok ? '' : request.reason).toContain(reason);
  });

  it('the header says where the JSON ends', () => {
    expect(jsonLength(undefined, 10)).toEqual({ ok: true, value: 10 });
    expect(jsonLength('7', 10)).toEqual({ ok: true, value: 7 });
    for (const header of ['11', '-1', '1e1', '', ['7']]) expect(jsonLength(header, 10).ok).toBe(false);
  });

  it('never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), (bytes, at) => {
        readInferRequest('m', '', Buffer.from(bytes), Math.min(at, bytes.length));
      }),
    );
  });
});

describe('text that is no JSON', () => {
  it.each([
    ['{"inputs": [{"data": [NaN]}]}', /JSON has no NaN or Infinity; send that input in binary form/],
    ['{"a": -Infinity}', /JSON has no NaN/],
    ['{"inputs": ', /^the body is not JSON$/],
    ['['.repeat(100_000), /^the body is not JSON$/],
  ])('%s', (text, reason) => {
    const request = readInferRequest('m', '', Buffer.from(text));
    expect(request.ok ? '' : request.reason).toMatch(reason);
  });

  it('a nested list of any depth is refused, not a fault', () => {
    const data = `${'['.repeat(50_000)}1${']'.repeat(50_000)}`;
    const request = readInferRequest(
      'm',
      '',
      Buffer.from(`{"inputs":[{"name":"x","datatype":"FP64","shape":[1],"data":${data}}]}`),
    );
    expect(request.ok ? '' : request.reason).toContain('nested deeper than 8');
  });
});
