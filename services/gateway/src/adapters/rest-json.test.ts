import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeInputs } from '../domain/tensors.ts';
import { readInferRequest } from './rest-json.ts';

const read = (body: unknown) => readInferRequest('m', '', body);
const input = (fields: object) => ({ inputs: [{ name: 'x', datatype: 'FP64', shape: [2], data: [1, 2], ...fields }] });

describe('readInferRequest', () => {
  it.each<[string, object, readonly (string | number)[]]>([
    ['numbers', {}, [1, 2]],
    ['nested numbers', { shape: [2, 1], data: [[1], [2]] }, [1, 2]],
    ['nested text', { datatype: 'BYTES', shape: [2, 1], data: [['a'], ['é']] }, ['a', 'é']],
    ['whole numbers', { datatype: 'INT64', data: [3, -4] }, [3, -4]],
    ['one value without a list', { shape: [1], data: 7 }, [7]],
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
