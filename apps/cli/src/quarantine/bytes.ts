import { isUtf8 } from 'node:buffer';

const shownHexBytes = 512;
const shownChars = 4_000;

/** Bytes for a person: indented JSON, text, or a hex dump of the beginning. Control characters are escaped: a record must not steer a terminal. */
export function showBytes(value: Buffer | null, isFull = false): string {
  if (value === null) return '(no value: a tombstone)';
  if (value.length === 0) return '(empty)';
  if (!isUtf8(value)) return hexDump(value, isFull ? value.length : shownHexBytes);
  const text = indented(value.toString());
  if (isFull || text.length <= shownChars) return visible(text);
  return `${visible(text.slice(0, shownChars))}\n… ${text.length - shownChars} more characters; --full shows them`;
}

function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** Control characters, except line feed and tab, as \u escapes. */
export function visible(text: string): string {
  return text.replace(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/**
 * Sixteen bytes a line: offset, hex, and what is printable ASCII.
 *
 * @example hexDump(Buffer.from([0, 65]), 512) // '00000000  00 41                                            .A'
 */
export function hexDump(bytes: Buffer, bytesMax: number): string {
  const lines: string[] = [];
  for (let from = 0; from < Math.min(bytes.length, bytesMax); from += 16) {
    const row = bytes.subarray(from, Math.min(from + 16, bytesMax));
    const hex = [...row].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = [...row].map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${from.toString(16).padStart(8, '0')}  ${hex.padEnd(47)}  ${text}`);
  }
  if (bytes.length > bytesMax) lines.push(`… ${bytes.length - bytesMax} more bytes; --full shows them`);
  return lines.join('\n');
}
