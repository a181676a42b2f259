import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { datatypeOf, datatypes, encodeRaw, encodeTyped, splitBytes, viewOf, type Element } from './datatypes.ts';

/** Values that a datatype holds exactly. */
const values: Readonly<Record<string, fc.Arbitrary<Element>>> = {
  BOOL: fc.boolean(),
  UINT8: fc.integer({ min: 0, max: 255 }),
  UINT16: fc.integer({ min: 0, max: 65_535 }),
  UINT32: fc.integer({ min: 0, max: 4_294_967_295 }),
  UINT64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  INT8: fc.integer({ min: -128, max: 127 }),
  INT16: fc.integer({ min: -32_768, max: 32_767 }),
  INT32: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  INT64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  FP16: fc.double().map((value) => Math.f16round(value)),
  BF16: fc.integer({ min: 0, max: 65_535 }).map((bits) => fromBits(bits)),
  FP32: fc.double().map((value) => Math.fround(value)),
  FP64: fc.double(),
};

function fromBits(upper: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint16(0, upper);
  return view.getFloat32(0);
}

function readAll(name: string, raw: Buffer): readonly (number | bigint)[] {
  const size = datatypeOf(name)?.size ?? 1;
  const view = viewOf(raw);
  return Array.from({ length: raw.length / size }, (_, index) => datatypeOf(name)?.read(view, index * size) ?? 0);
}

describe('raw form', () => {
  it.each(Object.entries(values))('%s comes back as it was written', (name, value) => {
    fc.assert(
      fc.property(fc.array(value, { maxLength: 20 }), (elements) => {
        const raw = encodeRaw(name, elements);
        expect(raw).toHaveLength(elements.length * (datatypeOf(name)?.size ?? 0));
        expect(readAll(name, raw)).toEqual(
          elements.map((element) => (typeof element === 'boolean' ? Number(element) : element)),
        );
      }),
    );
  });

  it('BYTES come back as they were written', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 10 }), (elements) => {
        const buffers = elements.map((bytes) => Buffer.from(bytes));
        expect(splitBytes(encodeRaw('BYTES', buffers), buffers.length)).toEqual(buffers);
      }),
    );
  });

  // By numpy 2.4.6: numpy.array([...], dtype=...).tobytes(), BF16 as the upper half of the float32 after rounding to nearest even.
  it.each<[string, readonly Element[], string]>([
    ['BOOL', [true, false], '0100'],
    ['INT16', [1, -2], '0100feff'],
    ['UINT32', [4_294_967_295], 'ffffffff'],
    ['INT64', [-2n], 'feffffffffffffff'],
    ['FP16', [1, -2.5, 65_504, Infinity, 6e-8], '003c00c1ff7b007c0100'],
    ['BF16', [1, -2.5, 3.141592653589793, Infinity], '803f20c04940807f'],
    ['FP32', [0.5, -1], '0000003f000080bf'],
    ['BYTES', [Buffer.from('é')], '02000000c3a9'],
  ])('%s is little-endian', (name, elements, hex) => {
    expect(encodeRaw(name, elements).toString('hex')).toBe(hex);
  });

  it('BF16 keeps NaN and rounds ties to even', () => {
    expect(readAll('BF16', encodeRaw('BF16', [Number.NaN, 1.001953125, 1.005859375, -1e40]))).toEqual([
      Number.NaN,
      1,
      1.0078125,
      -Infinity,
    ]);
  });
});

describe('typed form', () => {
  it('is the field of the type, and there is none for 16-bit floats', () => {
    const fields = Object.keys(datatypes).map((name) => {
      const contents = encodeTyped(name, [1]);
      return [name, contents === null ? null : Object.entries(contents).find(([, list]) => list.length > 0)?.[0]];
    });
    expect(Object.fromEntries(fields)).toEqual({
      BOOL: 'boolContents',
      UINT8: 'uintContents',
      UINT16: 'uintContents',
      UINT32: 'uintContents',
      UINT64: 'uint64Contents',
      INT8: 'intContents',
      INT16: 'intContents',
      INT32: 'intContents',
      INT64: 'int64Contents',
      FP16: null,
      BF16: null,
      FP32: 'fp32Contents',
      FP64: 'fp64Contents',
      BYTES: 'bytesContents',
    });
  });

  it('knows no datatype by the name of a method', () => {
    expect(['constructor', 'toString', 'FP8', '', 'fp32'].map(datatypeOf)).toEqual(Array(5).fill(undefined));
  });
});
