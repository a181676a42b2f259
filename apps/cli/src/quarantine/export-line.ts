import { isUtf8 } from 'node:buffer';
import type { BusRecord } from '@everloop/kafka';
import { badInput } from '../errors.ts';
import { parseExactJson, type Json } from './merge-patch.ts';
import { placeOf, reasonsOf } from './quarantined.ts';

/**
 * A quarantined record as one line of JSON, to be edited and sent back: `value` is its JSON, `text` a text that is none, `base64` any
 * other bytes, and all three are absent when it has no value. Numbers keep their digits.
 */
export function exportLine(record: BusRecord): string {
  const { topic, partition, offset, timestampMs, key } = record;
  return JSON.stringify({
    ...{ topic, partition, offset: String(offset), time: new Date(timestampMs).toISOString() },
    key: key === null ? null : isUtf8(key) ? key.toString() : { base64: key.toString('base64') },
    reasons: reasonsOf(record).map(({ rule, path, message }) => ({ rule, path, message })),
    ...content(record.value),
  });
}

function content(value: Buffer | null): Readonly<Record<string, Json>> {
  if (value === null) return {};
  if (!isUtf8(value)) return { base64: value.toString('base64') };
  try {
    return { value: parseExactJson(value.toString()) };
  } catch {
    return { text: value.toString() };
  }
}

/** What an edited line wants to be sent in place of a record. */
export interface EditedLine {
  /** `<partition>/<offset>` in the quarantine. */
  readonly place: string;
  /** The bytes to send; the record's own when they mean the same. */
  readonly valueFor: (original: Buffer | null) => Buffer | null;
}

/** Reads a line of an edited export. Throws EVL_CLI_INPUT_INVALID naming the line. */
export function readEditedLine(text: string, lineNumber: number, quarantineTopic: string): EditedLine {
  const line = parseLine(text, lineNumber);
  const { topic, partition, offset } = line;
  if (topic !== quarantineTopic)
    throw badInput(
      `line ${lineNumber}: its topic is ${JSON.stringify(topic)}, but the quarantine is '${quarantineTopic}'`,
    );
  const place = placeOf({
    partition: Number(JSON.stringify(partition)),
    offset: BigInt(wholeNumber(offset, lineNumber)),
  });
  const edited = bytesOf(line);
  return { place, valueFor: (original) => (original !== null && isSame(original, line) ? original : edited) };
}

function parseLine(text: string, lineNumber: number): Readonly<Record<string, unknown>> {
  try {
    const parsed = parseExactJson(text);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
      return parsed as Readonly<Record<string, unknown>>;
  } catch {
    // Said below.
  }
  throw badInput(`line ${lineNumber} is no JSON object; a line of "everloop quarantine list --export" is wanted`);
}

function wholeNumber(value: unknown, lineNumber: number): string {
  if (typeof value === 'string' && /^\d{1,18}$/.test(value)) return value;
  throw badInput(`line ${lineNumber} has no offset; keep topic, partition and offset as they were exported`);
}

function bytesOf({ value, text, base64 }: Readonly<Record<string, unknown>>): Buffer | null {
  if (value !== undefined) return Buffer.from(JSON.stringify(value));
  if (typeof text === 'string') return Buffer.from(text);
  return typeof base64 === 'string' ? Buffer.from(base64, 'base64') : null;
}

/** Whether a line still says what the record says: spaces and escapes do not count. */
function isSame(original: Buffer, { value }: Readonly<Record<string, unknown>>): boolean {
  if (value === undefined) return false;
  try {
    return JSON.stringify(parseExactJson(original.toString())) === JSON.stringify(value);
  } catch {
    return false;
  }
}
