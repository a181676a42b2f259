import type { inference } from '@everloop/contracts';

type Contents = inference.InferTensorContents;

/** An element as a message or a JSON document carries it. */
export type Element = Buffer | number | bigint | boolean;

/** How elements of one datatype lie in raw bytes (row-major, little-endian, no padding) and in typed contents. */
export interface Datatype {
  /** Bytes of one raw element; null where each element says its own length. */
  readonly size: number | null;
  /** The field of the contents that carries this type; null where it has no typed form (16-bit floats). */
  readonly field: keyof Contents | null;
  /** What typed integers must lie between, for fields that could hold more; null where the field holds exactly the type. */
  readonly range: readonly [min: number, max: number] | null;
  readonly read: (raw: DataView, at: number) => number | bigint;
  readonly write: (raw: DataView, at: number, value: number | bigint) => void;
}

function integer(bits: 8 | 16 | 32, isSigned: boolean): Datatype {
  const prefix = isSigned ? 'Int' : 'Uint';
  const [get, set] = [`get${prefix}${bits}`, `set${prefix}${bits}`] as ['getInt32', 'setInt32'];
  const min = isSigned ? -(2 ** (bits - 1)) : 0;
  return {
    size: bits / 8,
    field: isSigned ? 'intContents' : 'uintContents',
    range: [min, min + 2 ** bits - 1],
    read: (raw, at) => raw[get](at, true),
    write: (raw, at, value) => raw[set](at, Number(value), true),
  };
}

/** Upper half of the bits of the nearest FP32, ties to even; NaN stays NaN. */
function bfloat16Bits(value: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  const bits = view.getUint32(0);
  if (Number.isNaN(value)) return (bits >>> 16) | 0x40;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

function bfloat16(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, bits << 16);
  return view.getFloat32(0);
}

/**
 * Every datatype of the Open Inference Protocol, version 2 (github.com/kserve/open-inference-protocol, `Tensor Data Types`), and BF16, by name.
 * The typed fields are those of InferTensorContents; FP16 and BF16 are raw only.
 */
export const datatypes: Readonly<Record<string, Datatype>> = {
  BOOL: {
    size: 1,
    field: 'boolContents',
    range: null,
    read: (raw, at) => raw.getUint8(at),
    write: (raw, at, value) => raw.setUint8(at, Number(value)),
  },
  UINT8: integer(8, false),
  UINT16: integer(16, false),
  UINT32: integer(32, false),
  UINT64: {
    size: 8,
    field: 'uint64Contents',
    range: null,
    read: (raw, at) => raw.getBigUint64(at, true),
    write: (raw, at, value) => raw.setBigUint64(at, BigInt(value), true),
  },
  INT8: integer(8, true),
  INT16: integer(16, true),
  INT32: integer(32, true),
  INT64: {
    size: 8,
    field: 'int64Contents',
    range: null,
    read: (raw, at) => raw.getBigInt64(at, true),
    write: (raw, at, value) => raw.setBigInt64(at, BigInt(value), true),
  },
  FP16: {
    size: 2,
    field: null,
    range: null,
    read: (raw, at) => raw.getFloat16(at, true),
    write: (raw, at, value) => raw.setFloat16(at, Number(value), true),
  },
  BF16: {
    size: 2,
    field: null,
    range: null,
    read: (raw, at) => bfloat16(raw.getUint16(at, true)),
    write: (raw, at, value) => raw.setUint16(at, bfloat16Bits(Number(value)), true),
  },
  FP32: {
    size: 4,
    field: 'fp32Contents',
    range: null,
    read: (raw, at) => raw.getFloat32(at, true),
    write: (raw, at, value) => raw.setFloat32(at, Number(value), true),
  },
  FP64: {
    size: 8,
    field: 'fp64Contents',
    range: null,
    read: (raw, at) => raw.getFloat64(at, true),
    write: (raw, at, value) => raw.setFloat64(at, Number(value), true),
  },
  BYTES: { size: null, field: 'bytesContents', range: null, read: () => Number.NaN, write: () => undefined },
};

/** The datatype with a name; undefined for names that are none (also for those of methods of objects). */
export function datatypeOf(name: string): Datatype | undefined {
  return Object.hasOwn(datatypes, name) ? datatypes[name] : undefined;
}

/** A view of the bytes of a buffer. */
export function viewOf(raw: Buffer): DataView {
  return new DataView(raw.buffer, raw.byteOffset, raw.length);
}

/** Elements in raw form: `write` of `datatypes`, and for BYTES a 4-byte little-endian length before each. O(bytes). */
export function encodeRaw(name: string, elements: readonly Element[]): Buffer {
  const datatype = datatypeOf(name);
  if (datatype === undefined || datatype.size === null) return joinBytes(elements as readonly Buffer[]);
  const raw = Buffer.allocUnsafe(elements.length * datatype.size);
  const view = viewOf(raw);
  for (const [index, element] of elements.entries()) {
    datatype.write(view, index * datatype.size, typeof element === 'boolean' ? Number(element) : (element as number));
  }
  return raw;
}

function joinBytes(elements: readonly Buffer[]): Buffer {
  return Buffer.concat(
    elements.flatMap((element) => {
      const length = Buffer.allocUnsafe(4);
      length.writeUInt32LE(element.length);
      return [length, element];
    }),
  );
}

/** Splits a raw BYTES blob of `count` elements, or says what is wrong with it. */
export function splitBytes(raw: Buffer, count: number): readonly Buffer[] | string {
  const elements: Buffer[] = [];
  let at = 0;
  while (at < raw.length && elements.length <= count) {
    if (at + 4 > raw.length)
      return `has ${raw.length - at} bytes after element ${elements.length}, too few for a length`;
    const end = at + 4 + raw.readUInt32LE(at);
    if (end > raw.length)
      return `element ${elements.length} needs ${end - at - 4} bytes, only ${raw.length - at - 4} follow`;
    elements.push(raw.subarray(at + 4, end));
    at = end;
  }
  if (elements.length === count) return elements;
  return `holds ${elements.length > count ? 'more' : elements.length} BYTES elements, its shape says ${count}`;
}

/** Elements as typed contents of their datatype; null for datatypes without a typed form. */
export function encodeTyped(name: string, elements: readonly Element[]): Contents | null {
  const field = datatypeOf(name)?.field ?? null;
  if (field === null) return null;
  const contents: Contents = {
    boolContents: [],
    intContents: [],
    int64Contents: [],
    uintContents: [],
    uint64Contents: [],
    fp32Contents: [],
    fp64Contents: [],
    bytesContents: [],
  };
  return Object.assign(contents, { [field]: elements });
}
