import type { inference } from '@everloop/contracts';
import { datatypeOf, datatypes, splitBytes, viewOf, type Datatype, type Element } from './datatypes.ts';

/** Most rows in one request. Larger requests hold a batch for too long; clients send several. */
export const rowsMax = 256;

/** Most inputs of one request: several times the widest model. */
const inputsMax = 1_024;
/** Most dimensions of a shape that are repeated in an error. */
const dimensionsMax = 8;

/** One input tensor as a column of `rows` values. */
export interface Column {
  readonly name: string;
  readonly datatype: string;
  /** BOOL as 0 and 1. */
  readonly values: readonly (string | number)[];
}

export type Decoded =
  | { readonly ok: true; readonly rows: number; readonly columns: readonly Column[] }
  | { readonly ok: false; readonly reasons: readonly string[] };

type Tensor = inference.ModelInferRequest_InferInputTensor;
type Contents = inference.InferTensorContents;

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
const floats: ReadonlySet<string> = new Set(['FP16', 'BF16', 'FP32', 'FP64']);
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Tensors that hold several columns, row-major: the names of their columns by the name of the tensor. */
export type PackedTensors = ReadonlyMap<string, readonly string[]>;

const noPacked: PackedTensors = new Map();

/**
 * Rows of a shape `[n]` or `[n, 1]`, with several columns `[n, columns]`; or what is wrong with it. Nothing is allocated by what a shape
 * says: it is compared with limits, and with what really came, first.
 */
function rowsOf(shape: readonly bigint[], columns: number): number | string {
  const [first, second] = shape;
  const expected = columns === 1 ? '[n] or [n, 1]' : `[n, ${columns}]`;
  if (shape.length > dimensionsMax) return `has ${shape.length} dimensions, expected ${expected}`;
  const fits = shape.length === 1 ? columns === 1 : shape.length === 2 && second === BigInt(columns);
  if (first === undefined || !fits) return `has shape [${shape.join(', ')}], expected ${expected}`;
  if (first < 1n || first > BigInt(rowsMax)) return `has ${first} rows, expected 1 to ${rowsMax}`;
  return Number(first);
}

function rawElements(datatype: Datatype, raw: Buffer, count: number): readonly Element[] | string {
  const { size } = datatype;
  if (size === null) return splitBytes(raw, count);
  if (raw.length !== count * size) return `has ${raw.length} raw bytes, its shape says ${count * size}`;
  const view = viewOf(raw);
  const elements = new Array<Element>(count);
  for (let index = 0; index < count; index += 1) elements[index] = datatype.read(view, index * size);
  return elements;
}

function typedElements(
  { datatype: name }: Tensor,
  datatype: Datatype,
  contents: Contents | undefined,
  count: number,
): readonly Element[] | string {
  if (datatype.field === null) return `is ${name}, which has no typed contents: send it raw`;
  if (contents === undefined) return 'has neither contents nor raw contents';
  for (const field of contentFields) {
    const expected = field === datatype.field ? count : 0;
    const length = contents[field].length;
    if (length !== expected) return `has ${length} elements in ${field}, expected ${expected}`;
  }
  return contents[datatype.field];
}

/** An element as a value of a column, or what is wrong with it. */
function valueOf(
  element: Element,
  name: string,
  range: Datatype['range'],
): string | { readonly value: string | number } {
  if (typeof element === 'boolean') return { value: Number(element) };
  if (typeof element === 'bigint') {
    const value = Number(element);
    return Number.isSafeInteger(value) ? { value } : 'is an integer beyond ±2^53';
  }
  if (typeof element === 'number') {
    if (range !== null && (element < range[0] || element > range[1]))
      return `is ${element}, ${name} holds ${range[0]} to ${range[1]}`;
    if (name === 'BOOL' && element > 1) return `is the byte ${element}, BOOL holds 0 or 1`;
    return { value: element };
  }
  try {
    return { value: utf8.decode(element) };
  } catch {
    return 'is not UTF-8';
  }
}

/** The columns of one tensor, `names` many; or what is wrong with it. */
function decodeColumns(tensor: Tensor, raw: Buffer | undefined, names: readonly string[]): readonly Column[] | string {
  const datatype = datatypeOf(tensor.datatype);
  if (datatype === undefined) {
    return `has datatype '${tensor.datatype}', expected one of ${Object.keys(datatypes).join(', ')}`;
  }
  const rows = rowsOf(tensor.shape, names.length);
  if (typeof rows === 'string') return rows;
  const count = rows * names.length;
  const elements =
    raw === undefined ? typedElements(tensor, datatype, tensor.contents, count) : rawElements(datatype, raw, count);
  if (typeof elements === 'string') return elements;
  // Floats are what they are; nothing else about them is checked here.
  const isFloat = floats.has(tensor.datatype);
  const [only] = names;
  if (isFloat && names.length === 1 && only !== undefined)
    return [{ name: only, datatype: tensor.datatype, values: elements as readonly number[] }];
  // Of their length from the start: an array that grows begins with room for 17.
  const columns = names.map((name) => ({ name, datatype: tensor.datatype, values: new Array<string | number>(rows) }));
  for (let column = 0; column < columns.length; column += 1) {
    const values = columns[column]?.values ?? [];
    for (let row = 0; row < rows; row += 1) {
      const element = elements[row * columns.length + column];
      if (isFloat && typeof element === 'number') values[row] = element;
      else if (element !== undefined) {
        const read = valueOf(element, tensor.datatype, datatype.range);
        if (typeof read === 'string')
          return columns.length === 1 ? `row ${row} ${read}` : `row ${row} column ${column} ${read}`;
        values[row] = read.value;
      }
    }
  }
  return columns;
}

function hasContents(tensor: Tensor): boolean {
  const { contents } = tensor;
  return contents !== undefined && contentFields.some((field) => contents[field].length > 0);
}

/**
 * The input tensors of a request as columns, one for each or, for those in `packed`, several. Typed or raw, never both; raw is
 * little-endian, one blob per input in input order. All that is wrong is reported at once, each reason naming its tensor.
 */
export function decodeInputs(
  request: Pick<inference.ModelInferRequest, 'inputs' | 'rawInputContents'>,
  packed: PackedTensors = noPacked,
): Decoded {
  const { inputs, rawInputContents: raws } = request;
  const reasons: string[] = [];
  if (inputs.length === 0) reasons.push('the request has no inputs');
  if (inputs.length > inputsMax)
    return { ok: false, reasons: [`the request has ${inputs.length} inputs, at most ${inputsMax} may be`] };
  if (raws.length > 0 && raws.length !== inputs.length) {
    return {
      ok: false,
      reasons: [`${raws.length} raw contents for ${inputs.length} inputs: raw is for all inputs or for none`],
    };
  }
  const columns: Column[] = [];
  const seen = new Set<string>();
  for (let index = 0; index < inputs.length; index += 1) {
    const tensor = inputs[index];
    if (tensor === undefined) continue;
    if (raws.length > 0 && hasContents(tensor)) reasons.push(`input '${tensor.name}' has contents beside raw contents`);
    if (seen.has(tensor.name)) reasons.push(`input '${tensor.name}' is given twice`);
    seen.add(tensor.name);
    const read = decodeColumns(tensor, raws[index], packed.get(tensor.name) ?? [tensor.name]);
    if (typeof read === 'string') reasons.push(`input '${tensor.name}' ${read}`);
    else for (const column of read) columns.push(column);
  }
  for (const [tensor, names] of packed) {
    const twice = seen.has(tensor) ? names.find((name) => seen.has(name)) : undefined;
    if (twice !== undefined) reasons.push(`input '${twice}' is given twice: alone and in '${tensor}'`);
  }
  const rows = columns[0]?.values.length ?? 0;
  const uneven = columns.find((column) => column.values.length !== rows);
  if (uneven !== undefined) {
    reasons.push(`input '${uneven.name}' has ${uneven.values.length} rows, '${columns[0]?.name ?? ''}' has ${rows}`);
  }
  return reasons.length === 0 ? { ok: true, rows, columns } : { ok: false, reasons };
}
