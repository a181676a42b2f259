import { isUtf8 } from 'node:buffer';
import type { OutRecord, RawHeaders } from './bus.ts';
import { readEachHeader, type HeaderBytes } from './wire/batch-read.ts';

interface ReadHeaders {
  readonly headers: Readonly<Record<string, string>>;
  readonly rawHeaders: RawHeaders | null;
}

const none: ReadHeaders = Object.freeze({ headers: Object.freeze({}), rawHeaders: null });

/** Headers as text, and as bytes those that text would not give back: not UTF-8, repeated, or null. */
export function readHeaders(wire: HeaderBytes): ReadHeaders {
  if (wire.count <= 0) return none;
  const found = new Map<string, (Buffer | null)[]>();
  readEachHeader(wire, (name, value) => {
    const values = found.get(name);
    if (values === undefined) found.set(name, [value]);
    else values.push(value);
  });
  const headers: Record<string, string> = {};
  let rawHeaders: Record<string, readonly (Buffer | null)[]> | null = null;
  for (const [name, values] of found) {
    const last = values.at(-1) ?? null;
    if (last !== null) define(headers, name, last.toString());
    if (values.length === 1 && last !== null && isUtf8(last)) continue;
    rawHeaders ??= {};
    define(rawHeaders, name, values);
  }
  return { headers, rawHeaders };
}

/** Assignment would take the name `__proto__` for the prototype. */
function define<T>(target: Record<string, T>, name: string, value: T): void {
  if (name === '__proto__') Object.defineProperty(target, name, { value, enumerable: true, configurable: true });
  else target[name] = value;
}

/** Headers of a record to write, each with its value or, if it is repeated, its values. */
export type HeadersToWrite = Readonly<Record<string, string | readonly (Buffer | null)[]>>;

/** The headers of a record to write; undefined when there are none. */
export function writeHeaders({
  headers,
  rawHeaders,
}: Pick<OutRecord, 'headers' | 'rawHeaders'>): HeadersToWrite | undefined {
  if (rawHeaders === undefined) return headers;
  const merged: Record<string, string | readonly (Buffer | null)[]> = { ...headers };
  for (const name of Object.keys(rawHeaders)) define(merged, name, rawHeaders[name] ?? []);
  return merged;
}
