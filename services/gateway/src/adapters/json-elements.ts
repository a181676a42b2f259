import { datatypeOf, type Element } from '../domain/datatypes.ts';

/** Deepest nesting of `data`; shapes that are served have two dimensions. */
const depthMax = 8;
/** Most elements of one `data`, before its shape is looked at; several times what a request may hold. */
const elementsMax = 65_536;

/** Elements of `data` in row-major order, flat or nested as the protocol allows; a text when they are too deep or too many. */
function flatten(data: unknown): readonly unknown[] | string {
  const flat: unknown[] = [];
  const append = (value: unknown, depth: number): string | null => {
    if (!Array.isArray(value)) {
      flat.push(value);
      return flat.length > elementsMax ? `has data of more than ${elementsMax} elements` : null;
    }
    if (depth === depthMax) return `has data nested deeper than ${depthMax}`;
    for (const each of value) {
      const reason = append(each, depth + 1);
      if (reason !== null) return reason;
    }
    return null;
  };
  return append(data, 0) ?? flat;
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function elementOf(name: string, value: unknown, isBase64: boolean): Element | null {
  const datatype = datatypeOf(name);
  if (name === 'BYTES') {
    if (typeof value !== 'string' || (isBase64 && !base64.test(value))) return null;
    return Buffer.from(value, isBase64 ? 'base64' : 'utf8');
  }
  if (name === 'BOOL') return typeof value === 'boolean' ? value : value === 0 || value === 1 ? value === 1 : null;
  if (typeof value !== 'number') return null;
  if (datatype?.field === 'int64Contents' || datatype?.field === 'uint64Contents') {
    const fits = Number.isSafeInteger(value) && (name === 'INT64' || value >= 0);
    return fits ? BigInt(value) : null;
  }
  if (datatype !== undefined && datatype.range !== null) {
    const [min, max] = datatype.range;
    return Number.isInteger(value) && value >= min && value <= max ? value : null;
  }
  return value;
}

/**
 * JSON `data` as elements of a datatype, or what is wrong with it. BYTES are text, or base64 when the input says so; integers beyond ±2^53 are
 * refused, since JSON has rounded them already.
 */
export function jsonElements(name: string, data: unknown, isBase64: boolean): readonly Element[] | string {
  const flat = flatten(data);
  if (typeof flat === 'string') return flat;
  const elements: Element[] = [];
  for (const value of flat) {
    const element = elementOf(name, value, isBase64);
    if (element === null)
      return `has data that is not ${name}${isBase64 ? ' in base64' : ''}: element ${elements.length}`;
    elements.push(element);
  }
  return elements;
}
