import type { inference } from '@everloop/contracts';

/** Most rows in one request. Larger requests hold a batch for too long; clients send several. */
export const rowsMax = 256;

/** One input tensor as a column of `rows` values. */
export interface Column {
  readonly name: string;
  readonly datatype: string;
  readonly values: readonly (string | number)[];
}

export type Decoded =
  | { readonly ok: true; readonly rows: number; readonly columns: readonly Column[] }
  | { readonly ok: false; readonly reasons: readonly string[] };

type Tensor = inference.ModelInferRequest_InferInputTensor;
type Contents = inference.InferTensorContents;

interface Datatype {
  /** Bytes of one element in raw form; null where it varies. */
  readonly size: number | null;
  /** The field of the contents that carries this type. */
  readonly field: keyof Contents;
  /** Element `index` of a raw blob of fixed element size. */
  readonly read: (raw: Buffer, index: number) => number | bigint;
}

const datatypes: Readonly<Record<string, Datatype>> = {
  BYTES: { size: null, field: 'bytesContents', read: () => Number.NaN },
  FP64: { size: 8, field: 'fp64Contents', read: (raw, index) => raw.readDoubleLE(index * 8) },
  FP32: { size: 4, field: 'fp32Contents', read: (raw, index) => raw.readFloatLE(index * 4) },
  INT64: { size: 8, field: 'int64Contents', read: (raw, index) => raw.readBigInt64LE(index * 8) },
  INT32: { size: 4, field: 'intContents', read: (raw, index) => raw.readInt32LE(index * 4) },
};
const contentFields = [
  'boolContents',
  'intContents',
  'int64Contents',
  'uintContents',
  'uint64Contents',
  'fp32Contents',
  'fp64Contents',
  'bytesContents',
] as const satisfies readonly (keyof Contents)[];
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Rows of a shape `[n]` or `[n, 1]`, or what is wrong with it. */
function rowsOf(shape: readonly bigint[]): number | string {
  const [first, second] = shape;
  const isColumn = shape.length === 1 || (shape.length === 2 && second === 1n);
  if (first === undefined || !isColumn) return `has shape [${shape.join(', ')}], expected [n] or [n, 1]`;
  if (first < 1n || first > BigInt(rowsMax)) return `has ${first} rows, expected 1 to ${rowsMax}`;
  return Number(first);
}

/** Splits a raw BYTES blob: each element is a 4-byte little-endian length and as many bytes. */
function splitBytes(raw: Buffer, rows: number): readonly Buffer[] | string {
  const elements: Buffer[] = [];
  let at = 0;
  while (at < raw.length && elements.length <= rows) {
    if (at + 4 > raw.length)
      return `has ${raw.length - at} bytes after element ${elements.length}, too few for a length`;
    const end = at + 4 + raw.readUInt32LE(at);
    if (end > raw.length)
      return `element ${elements.length} needs ${end - at - 4} bytes, only ${raw.length - at - 4} follow`;
    elements.push(raw.subarray(at + 4, end));
    at = end;
  }
  if (elements.length === rows) return elements;
  return `holds ${elements.length > rows ? 'more' : elements.length} BYTES elements, its shape says ${rows}`;
}

function rawElements(datatype: Datatype, raw: Buffer, rows: number): readonly (Buffer | number | bigint)[] | string {
  if (datatype.size === null) return splitBytes(raw, rows);
  if (raw.length !== rows * datatype.size) return `has ${raw.length} raw bytes, its shape says ${rows * datatype.size}`;
  return Array.from({ length: rows }, (_, index) => datatype.read(raw, index));
}

function typedElements(
  datatype: Datatype,
  contents: Contents | undefined,
  rows: number,
): readonly (Buffer | number | bigint | boolean)[] | string {
  if (contents === undefined) return 'has neither contents nor raw contents';
  for (const field of contentFields) {
    const expected = field === datatype.field ? rows : 0;
    const length = contents[field].length;
    if (length !== expected) return `has ${length} elements in ${field}, expected ${expected}`;
  }
  return contents[datatype.field];
}

function valueOf(element: Buffer | number | bigint | boolean): string | number | null {
  if (typeof element === 'number') return element;
  if (typeof element === 'bigint') return Number.isSafeInteger(Number(element)) ? Number(element) : null;
  if (typeof element === 'boolean') return null;
  try {
    return utf8.decode(element);
  } catch {
    return null;
  }
}

function decodeColumn(tensor: Tensor, raw: Buffer | undefined): Column | string {
  const datatype = Object.hasOwn(datatypes, tensor.datatype) ? datatypes[tensor.datatype] : undefined;
  if (datatype === undefined) {
    return `has datatype '${tensor.datatype}', expected one of ${Object.keys(datatypes).join(', ')}`;
  }
  const rows = rowsOf(tensor.shape);
  if (typeof rows === 'string') return rows;
  const elements =
    raw === undefined ? typedElements(datatype, tensor.contents, rows) : rawElements(datatype, raw, rows);
  if (typeof elements === 'string') return elements;
  const values: (string | number)[] = [];
  for (const element of elements) {
    const value = valueOf(element);
    if (value === null) {
      const why = tensor.datatype === 'BYTES' ? 'is not UTF-8' : 'is an integer beyond ±2^53';
      return `row ${values.length} ${why}`;
    }
    values.push(value);
  }
  return { name: tensor.name, datatype: tensor.datatype, values };
}

function hasContents(tensor: Tensor): boolean {
  const { contents } = tensor;
  return contents !== undefined && contentFields.some((field) => contents[field].length > 0);
}

/**
 * The input tensors of a request as columns. Typed or raw, never both; raw is little-endian, one blob per input in input order. All
 * that is wrong is reported at once, each reason naming its tensor.
 */
export function decodeInputs(request: Pick<inference.ModelInferRequest, 'inputs' | 'rawInputContents'>): Decoded {
  const { inputs, rawInputContents: raws } = request;
  const reasons: string[] = [];
  if (inputs.length === 0) reasons.push('the request has no inputs');
  if (raws.length > 0 && raws.length !== inputs.length) {
    return {
      ok: false,
      reasons: [`${raws.length} raw contents for ${inputs.length} inputs: raw is for all inputs or for none`],
    };
  }
  const columns: Column[] = [];
  const seen = new Set<string>();
  for (const [index, tensor] of inputs.entries()) {
    if (seen.has(tensor.name)) reasons.push(`input '${tensor.name}' is given twice`);
    seen.add(tensor.name);
    if (raws.length > 0 && hasContents(tensor)) reasons.push(`input '${tensor.name}' has contents beside raw contents`);
    const column = decodeColumn(tensor, raws[index]);
    if (typeof column === 'string') reasons.push(`input '${tensor.name}' ${column}`);
    else columns.push(column);
  }
  const rows = columns[0]?.values.length ?? 0;
  const uneven = columns.find((column) => column.values.length !== rows);
  if (uneven !== undefined) {
    reasons.push(`input '${uneven.name}' has ${uneven.values.length} rows, '${columns[0]?.name ?? ''}' has ${rows}`);
  }
  return reasons.length === 0 ? { ok: true, rows, columns } : { ok: false, reasons };
}

/** Scores as raw FP32, little-endian. */
export function encodeFp32(scores: ArrayLike<number>): Buffer {
  const raw = Buffer.allocUnsafe(scores.length * 4);
  for (let row = 0; row < scores.length; row += 1) raw.writeFloatLE(scores[row] ?? Number.NaN, row * 4);
  return raw;
}
