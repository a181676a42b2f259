import { isUtf8 } from 'node:buffer';
import type { OutRecord, RawHeaders } from './bus.ts';

/** Headers as kafkajs gives them: a repeated one is a list. */
type WireHeaders = Readonly<Record<string, Buffer | readonly Buffer[] | undefined>>;

interface ReadHeaders {
  readonly headers: Readonly<Record<string, string>>;
  readonly rawHeaders: RawHeaders | null;
}

/** Headers as text, and as bytes those that text would not give back: not UTF-8, or repeated. */
export function readHeaders(wire: WireHeaders): ReadHeaders {
  const headers: Record<string, string> = {};
  let rawHeaders: Record<string, readonly Buffer[]> | null = null;
  for (const name of Object.keys(wire)) {
    const value = wire[name];
    // kafkajs takes a header named as a member of Object.prototype (`constructor`) for a repeated one.
    const values = Buffer.isBuffer(value) ? [value] : (value ?? []).filter((one) => Buffer.isBuffer(one));
    const last = values.at(-1);
    if (last === undefined) continue;
    define(headers, name, last.toString());
    if (values.length === 1 && isUtf8(last)) continue;
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

/** The headers of a record to write, as kafkajs takes them; undefined when there are none. */
export function writeHeaders({
  headers,
  rawHeaders,
}: Pick<OutRecord, 'headers' | 'rawHeaders'>): Record<string, string | Buffer[]> | undefined {
  if (rawHeaders === undefined) return headers;
  const merged: Record<string, string | Buffer[]> = { ...headers };
  for (const name of Object.keys(rawHeaders)) define(merged, name, [...(rawHeaders[name] ?? [])]);
  return merged;
}
