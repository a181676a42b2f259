/** A line of a CSV file as fields: null for an empty field without quotes, '' for `""`. */
export interface CsvRecord {
  readonly kind: 'record';
  readonly fields: readonly (string | null)[];
  /** Line that it begins in, from 1. */
  readonly line: number;
  /** Offset after it, bytes from the start of the file. */
  readonly end: number;
}

/** A line that cannot be read; what follows it is read from its line break on. */
export interface CsvUnreadable {
  readonly kind: 'unreadable';
  readonly bytes: Buffer;
  readonly why: string;
  readonly line: number;
  readonly end: number;
}

const quote = 0x22;
const comma = 0x2c;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** What one look at the bytes found: a record, a line that is none, or that more bytes are needed. */
type Scan =
  | { readonly fields: (string | null)[]; readonly end: number; readonly lines: number }
  | { readonly why: string }
  | 'more';

/**
 * Splits the bytes of a CSV file (RFC 4180: comma, double quotes, LF or CRLF, UTF-8) into records. Can begin at any record; memory is
 * one record and what was pushed. A quote that never closes costs its own line only.
 */
export class CsvParser {
  readonly #recordBytesMax: number;
  #bytes = Buffer.alloc(0);
  #at = 0;
  /** Offset of `#bytes[0]` in the file. */
  #base: number;
  #line: number;

  /** Begins at a byte offset that is the start of a record, and the number of its line. */
  constructor(options: { readonly recordBytesMax: number; readonly from?: number; readonly line?: number }) {
    this.#recordBytesMax = options.recordBytesMax;
    this.#base = options.from ?? 0;
    this.#line = options.line ?? 1;
  }

  /** Line of the next record, from 1. */
  get line(): number {
    return this.#line;
  }

  push(bytes: Uint8Array): void {
    this.#bytes = Buffer.concat([this.#bytes.subarray(this.#at), bytes]);
    this.#base += this.#at;
    this.#at = 0;
    if (this.#base === 0 && this.#bytes.length >= 3 && this.#bytes.readUIntBE(0, 3) === 0xefbbbf) this.#at = 3;
  }

  /**
   * The next record; null when more bytes are needed, or, with `atEnd`, when there is none. Empty lines are passed over. A record that
   * has not `width` fields (null: any number) cannot be read.
   */
  next(atEnd: boolean, width: number | null = null): CsvRecord | CsvUnreadable | null {
    for (;;) {
      if (this.#at >= this.#bytes.length) return null;
      const found = this.#scan(atEnd);
      const tooLong = found === 'more' && this.#bytes.length - this.#at > this.#recordBytesMax;
      if (found === 'more' && !tooLong && !atEnd) return null;
      const line = this.#line;
      if (found === 'more')
        return this.#unreadable(tooLong ? `longer than ${this.#recordBytesMax} bytes` : 'a quote is not closed');
      if ('why' in found) return this.#unreadable(found.why);
      const start = this.#at;
      this.#line += found.lines;
      this.#at = found.end;
      const end = this.#base + found.end;
      const { fields } = found;
      if (fields.length === 1 && fields[0] === null) continue;
      if (width === null || fields.length === width) return { kind: 'record', fields, line, end };
      const bytes = Buffer.from(this.#bytes.subarray(start, withoutBreak(this.#bytes, start, found.end)));
      return { kind: 'unreadable', bytes, why: `${fields.length} fields where the header has ${width}`, line, end };
    }
  }

  /** Gives up the line at `#at`: everything up to its line break. */
  #unreadable(why: string): CsvUnreadable {
    const start = this.#at;
    const lineEnd = this.#bytes.indexOf(lineFeed, start);
    const end = lineEnd < 0 ? this.#bytes.length : lineEnd + 1;
    const line = this.#line;
    this.#at = end;
    if (lineEnd >= 0) this.#line += 1;
    return {
      kind: 'unreadable',
      bytes: Buffer.from(this.#bytes.subarray(start, withoutBreak(this.#bytes, start, end))),
      why,
      line,
      end: this.#base + end,
    };
  }

  #scan(atEnd: boolean): Scan {
    const bytes = this.#bytes;
    const start = this.#at;
    const lineEnd = bytes.indexOf(lineFeed, start);
    const stop = lineEnd < 0 ? bytes.length : lineEnd;
    const firstQuote = bytes.indexOf(quote, start);
    if (firstQuote < 0 || firstQuote >= stop) {
      if (lineEnd < 0 && !atEnd) return 'more';
      const end = lineEnd < 0 ? bytes.length : lineEnd + 1;
      const text = decode(bytes.subarray(start, withoutBreak(bytes, start, end)));
      if (text === null) return { why: 'the bytes are not UTF-8' };
      return { fields: text.split(',').map((field) => (field === '' ? null : field)), end, lines: 1 };
    }
    return scanQuoted(bytes, start, atEnd);
  }
}

/** A record with quotes, field by field. */
function scanQuoted(bytes: Buffer, start: number, atEnd: boolean): Scan {
  const fields: (string | null)[] = [];
  let lines = 1;
  let at = start;
  for (;;) {
    const field = bytes[at] === quote ? quotedField(bytes, at + 1, atEnd) : plainField(bytes, at, atEnd);
    if (field === 'more' || 'why' in field) return field;
    fields.push(field.text);
    lines += field.breaks;
    at = field.end;
    if (at >= bytes.length) return { fields, end: at, lines: lines - (atEnd ? 0 : 1) };
    if (bytes[at] === comma) {
      at += 1;
      continue;
    }
    return { fields, end: bytes[at] === carriageReturn ? at + 2 : at + 1, lines };
  }
}

type Field =
  { readonly text: string | null; readonly end: number; readonly breaks: number } | { readonly why: string } | 'more';

function quotedField(bytes: Buffer, from: number, atEnd: boolean): Field {
  let doubled = false;
  for (let at = from; ;) {
    const found = bytes.indexOf(quote, at);
    if (found < 0 || (found + 1 >= bytes.length && !atEnd)) return 'more';
    if (bytes[found + 1] === quote) {
      doubled = true;
      at = found + 2;
      continue;
    }
    const ending = endOfField(bytes, found + 1, atEnd);
    if (ending === 'more') return 'more';
    if (!ending) return { why: 'text after a closing quote' };
    const inside = bytes.subarray(from, found);
    const text = decode(inside);
    if (text === null) return { why: 'the bytes are not UTF-8' };
    return { text: doubled ? text.replaceAll('""', '"') : text, end: found + 1, breaks: countBreaks(inside) };
  }
}

function plainField(bytes: Buffer, from: number, atEnd: boolean): Field {
  let at = from;
  for (; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === quote) return { why: 'a quote inside a field without quotes' };
    if (byte === comma || byte === lineFeed) break;
    if (byte === carriageReturn && endOfField(bytes, at, atEnd) === true) break;
  }
  if (at >= bytes.length && !atEnd) return 'more';
  const text = decode(bytes.subarray(from, at));
  return text === null ? { why: 'the bytes are not UTF-8' } : { text: text === '' ? null : text, end: at, breaks: 0 };
}

/** Whether a comma, a line break or the end of the file is at `at`. */
function endOfField(bytes: Buffer, at: number, atEnd: boolean): boolean | 'more' {
  const byte = bytes[at];
  if (byte === undefined) return atEnd ? true : 'more';
  if (byte !== carriageReturn) return byte === comma || byte === lineFeed;
  const next = bytes[at + 1];
  return next === undefined && !atEnd ? 'more' : next === lineFeed || next === undefined;
}

function withoutBreak(bytes: Buffer, start: number, end: number): number {
  if (end <= start || bytes[end - 1] !== lineFeed) return end;
  return end - 2 >= start && bytes[end - 2] === carriageReturn ? end - 2 : end - 1;
}

function decode(bytes: Uint8Array): string | null {
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}

function countBreaks(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(lineFeed); at >= 0; at = bytes.indexOf(lineFeed, at + 1)) count += 1;
  return count;
}
