import { inference } from '@everloop/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { datatypes } from './datatypes.ts';
import { packedTensors } from './packed-tensors.ts';
import { decodeInputs } from './tensors.ts';

type Input = Parameters<typeof inference.ModelInferRequest.fromPartial>[0];

const decode = (request: Input) => decodeInputs(inference.ModelInferRequest.fromPartial(request));
const fp64 = (name: string, values: number[], shape = [BigInt(values.length)]) => ({
  name,
  datatype: 'FP64',
  shape,
  contents: { fp64Contents: values },
});
const header = (name: string, datatype: string, rows: number) => ({ name, datatype, shape: [BigInt(rows)] });

/** A raw BYTES blob as the protocol defines it. */
function rawBytes(texts: readonly string[]): Buffer {
  return Buffer.concat(
    texts.flatMap((text) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(Buffer.byteLength(text));
      return [length, Buffer.from(text)];
    }),
  );
}

describe('decodeInputs: typed', () => {
  it.each([
    ['FP64', { fp64Contents: [1.5, -2] }, [1.5, -2]],
    ['FP32', { fp32Contents: [0.25, 3] }, [0.25, 3]],
    ['INT64', { int64Contents: [1n, -9_007_199_254_740_991n] }, [1, -9_007_199_254_740_991]],
    ['UINT64', { uint64Contents: [1n, 9_007_199_254_740_991n] }, [1, 9_007_199_254_740_991]],
    ['INT32', { intContents: [7, -7] }, [7, -7]],
    ['INT16', { intContents: [7, -32_768] }, [7, -32_768]],
    ['INT8', { intContents: [127, -128] }, [127, -128]],
    ['UINT32', { uintContents: [0, 4_294_967_295] }, [0, 4_294_967_295]],
    ['UINT16', { uintContents: [0, 65_535] }, [0, 65_535]],
    ['UINT8', { uintContents: [0, 255] }, [0, 255]],
    ['BOOL', { boolContents: [true, false] }, [1, 0]],
    ['BYTES', { bytesContents: [Buffer.from('EWR'), Buffer.from('é')] }, ['EWR', 'é']],
  ])('%s', (datatype, contents, values) => {
    for (const shape of [[2n], [2n, 1n]]) {
      const decoded = decode({ inputs: [{ name: 'x', datatype, shape, contents }] });
      expect(decoded).toEqual({ ok: true, rows: 2, columns: [{ name: 'x', datatype, values }] });
    }
  });

  it.each<[string, Input, string]>([
    ['no inputs', { inputs: [] }, 'the request has no inputs'],
    ['an unknown datatype', { inputs: [header('x', 'FP8', 1)] }, "input 'x' has datatype 'FP8'"],
    ['FP16 without raw contents', { inputs: [header('x', 'FP16', 1)] }, 'is FP16, which has no typed contents'],
    [
      'an INT8 that is none',
      { inputs: [{ ...header('x', 'INT8', 2), contents: { intContents: [1, 128] } }] },
      'row 1 is 128, INT8 holds -128 to 127',
    ],
    [
      'a UINT16 that is none',
      { inputs: [{ ...header('x', 'UINT16', 1), contents: { uintContents: [65_536] } }] },
      'row 0 is 65536, UINT16 holds 0 to 65535',
    ],
    [
      'a shape whose product overflows',
      { inputs: [fp64('x', [], [2n ** 62n, 4n])] },
      'has shape [4611686018427387904, 4]',
    ],
    ['a shape that no memory holds', { inputs: [fp64('x', [], [2n ** 62n])] }, 'has 4611686018427387904 rows'],
    ['many dimensions', { inputs: [fp64('x', [1], Array<bigint>(9).fill(1n))] }, 'has 9 dimensions'],
    [
      'too many inputs',
      { inputs: Array.from({ length: 1_025 }, (_, n) => fp64(`x${n}`, [1])) },
      'the request has 1025 inputs, at most 1024 may be',
    ],
    [
      'a UINT64 that a double cannot hold',
      { inputs: [{ ...header('x', 'UINT64', 1), contents: { uint64Contents: [2n ** 64n - 1n] } }] },
      'row 0 is an integer beyond ±2^53',
    ],
    ['a datatype named like a method', { inputs: [header('x', 'constructor', 1)] }, "has datatype 'constructor'"],
    ['no shape', { inputs: [fp64('x', [1], [])] }, 'has shape []'],
    ['a matrix', { inputs: [fp64('x', [1, 2], [1n, 2n])] }, 'has shape [1, 2]'],
    ['no rows', { inputs: [fp64('x', [], [0n])] }, 'has 0 rows, expected 1 to 256'],
    ['a negative size', { inputs: [fp64('x', [], [-1n])] }, 'has -1 rows'],
    ['too many rows', { inputs: [fp64('x', [], [257n])] }, 'has 257 rows'],
    ['too few elements', { inputs: [fp64('x', [1], [2n])] }, 'has 1 elements in fp64Contents, expected 2'],
    [
      'elements in the wrong field',
      { inputs: [{ ...fp64('x', [1]), contents: { fp64Contents: [1], intContents: [1] } }] },
      'has 1 elements in intContents, expected 0',
    ],
    ['nothing at all', { inputs: [header('x', 'FP64', 1)] }, "input 'x' has neither contents nor raw contents"],
    ['a name twice', { inputs: [fp64('x', [1]), fp64('x', [1])] }, "input 'x' is given twice"],
    ['uneven rows', { inputs: [fp64('x', [1]), fp64('y', [1, 2])] }, "input 'y' has 2 rows, 'x' has 1"],
    [
      'an integer that a double cannot hold',
      { inputs: [{ ...header('x', 'INT64', 1), contents: { int64Contents: [2n ** 53n] } }] },
      'row 0 is an integer beyond ±2^53',
    ],
    [
      'bytes that are not UTF-8',
      { inputs: [{ ...header('x', 'BYTES', 1), contents: { bytesContents: [Buffer.from([0xff])] } }] },
      'row 0 is not UTF-8',
    ],
  ])('refuses %s', (_name, request, reason) => {
    const decoded = decode(request);
    expect(decoded.ok ? [] : decoded.reasons).toContainEqual(expect.stringContaining(reason));
  });

  it('reports everything that is wrong at once', () => {
    const decoded = decode({ inputs: [header('a', 'FP8', 1), fp64('b', [1], [2n]), fp64('c', [], [0n])] });
    expect(decoded.ok ? [] : decoded.reasons).toHaveLength(3);
  });
});

describe('decodeInputs: raw', () => {
  const numbers = fc.array(fc.double(), { minLength: 1, maxLength: 20 });

  it('reads what a client wrote: FP64', () => {
    fc.assert(
      fc.property(numbers, (values) => {
        const raw = Buffer.alloc(values.length * 8);
        values.forEach((value, index) => raw.writeDoubleLE(value, index * 8));
        const decoded = decode({ inputs: [header('x', 'FP64', values.length)], rawInputContents: [raw] });
        expect(decoded.ok ? decoded.columns[0]?.values : null).toEqual(values);
      }),
    );
  });

  it('reads what a client wrote: BYTES', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1, maxLength: 10 }), (texts) => {
        const decoded = decode({ inputs: [header('x', 'BYTES', texts.length)], rawInputContents: [rawBytes(texts)] });
        expect(decoded.ok ? decoded.columns[0]?.values : null).toEqual(texts);
      }),
    );
  });

  it('never throws and never answers other than the shape says, whatever the bytes', () => {
    const datatype = fc.constantFrom(...Object.keys(datatypes));
    fc.assert(
      fc.property(datatype, fc.integer({ min: 1, max: 5 }), fc.uint8Array({ maxLength: 64 }), (type, rows, bytes) => {
        const decoded = decode({ inputs: [header('x', type, rows)], rawInputContents: [Buffer.from(bytes)] });
        return decoded.ok ? decoded.columns[0]?.values.length === rows : decoded.reasons.length > 0;
      }),
    );
  });

  it('reads halves, and a BOOL is 0 or 1', () => {
    const half = (name: string, hex: string) =>
      decode({ inputs: [header('x', name, 2)], rawInputContents: [Buffer.from(hex, 'hex')] });
    expect(half('FP16', '003c00c1')).toMatchObject({ columns: [{ values: [1, -2.5] }] });
    expect(half('BF16', '803f20c0')).toMatchObject({ columns: [{ values: [1, -2.5] }] });
    expect(half('BOOL', '0100')).toMatchObject({ columns: [{ values: [1, 0] }] });
    expect(half('BOOL', '0102')).toMatchObject({ reasons: ["input 'x' row 1 is the byte 2, BOOL holds 0 or 1"] });
  });

  it.each<[string, Input, string]>([
    [
      'fewer blobs than inputs',
      { inputs: [header('x', 'FP64', 1), header('y', 'FP64', 1)], rawInputContents: [Buffer.alloc(8)] },
      '1 raw contents for 2 inputs',
    ],
    [
      'too few bytes',
      { inputs: [header('x', 'FP32', 2)], rawInputContents: [Buffer.alloc(4)] },
      'has 4 raw bytes, its shape says 8',
    ],
    [
      'contents beside raw',
      { inputs: [fp64('x', [1])], rawInputContents: [Buffer.alloc(8)] },
      'has contents beside raw contents',
    ],
    [
      'a cut length',
      { inputs: [header('x', 'BYTES', 1)], rawInputContents: [Buffer.alloc(3)] },
      'too few for a length',
    ],
    [
      'a length beyond the blob',
      { inputs: [header('x', 'BYTES', 1)], rawInputContents: [Buffer.from([255, 255, 255, 255, 0])] },
      'element 0 needs 4294967295 bytes, only 1 follow',
    ],
    [
      'more elements',
      { inputs: [header('x', 'BYTES', 1)], rawInputContents: [rawBytes(['a', 'b'])] },
      'holds more BYTES elements',
    ],
    [
      'fewer elements',
      { inputs: [header('x', 'BYTES', 2)], rawInputContents: [rawBytes(['a'])] },
      'holds 1 BYTES elements',
    ],
  ])('refuses %s', (_name, request, reason) => {
    const decoded = decode(request);
    expect(decoded.ok ? [] : decoded.reasons).toContainEqual(expect.stringContaining(reason));
  });
});

describe('decodeInputs: packed', () => {
  const packed = packedTensors([
    { name: 'key', type: 'string' },
    { name: 'from', type: 'string' },
    { name: 'wind', type: 'number' },
    { name: 'rain', type: 'number' },
  ]);
  const read = (request: Input) => decodeInputs(inference.ModelInferRequest.fromPartial(request), packed);
  const columns = (request: Input) => {
    const decoded = read(request);
    return decoded.ok ? Object.fromEntries(decoded.columns.map(({ name, values }) => [name, values])) : decoded.reasons;
  };
  const numeric = (values: number[], shape: bigint[]) => fp64('numeric', values, shape);
  const text = {
    ...{ name: 'text', datatype: 'BYTES', shape: [2n, 2n] },
    contents: { bytesContents: ['a', 'EWR', 'b', 'JFK'].map((each) => Buffer.from(each)) },
  };

  it('takes a tensor apart into the fields of its type, row by row', () => {
    const expected = { key: ['a', 'b'], from: ['EWR', 'JFK'], wind: [1, 3], rain: [2, 4] };
    expect(columns({ inputs: [numeric([1, 2, 3, 4], [2n, 2n]), text] })).toEqual(expected);
    const raw = Buffer.from(Float32Array.of(1, 2, 3, 4).buffer);
    const inputs = [
      { ...text, contents: undefined },
      { name: 'numeric', datatype: 'FP32', shape: [2n, 2n] },
    ];
    expect(columns({ inputs, rawInputContents: [rawBytes(['a', 'EWR', 'b', 'JFK']), raw] })).toEqual(expected);
  });

  it.each([
    ['another width', numeric([1, 2, 3], [1n, 3n]), "input 'numeric' has shape [1, 3], expected [n, 2]"],
    ['no width', numeric([1, 2], [2n]), "input 'numeric' has shape [2], expected [n, 2]"],
    ['too few values', numeric([1, 2], [2n, 2n]), "input 'numeric' has 2 elements in fp64Contents, expected 4"],
  ])('refuses %s', (_what, tensor, reason) => {
    expect(columns({ inputs: [tensor] })).toEqual([reason]);
  });

  it('refuses a field that comes alone as well', () => {
    expect(columns({ inputs: [numeric([1, 2], [1n, 2n]), fp64('rain', [1])] })).toEqual([
      "input 'rain' is given twice: alone and in 'numeric'",
    ]);
  });

  it('has no such tensor where a field has its name, or is the only one of its type', () => {
    expect([
      ...packedTensors([
        { name: 'text', type: 'string' },
        { name: 'b', type: 'string' },
        { name: 'c', type: 'number' },
      ]),
    ]).toEqual([]);
  });
});
