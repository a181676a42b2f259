import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CsvParser, type CsvRecord, type CsvUnreadable } from './csv.ts';

type Found = CsvRecord | CsvUnreadable;

/** Parses bytes that come in pieces of the given sizes. */
function parse(bytes: Buffer, sizes: readonly number[] = [], recordBytesMax = 1_000): Found[] {
  const parser = new CsvParser({ recordBytesMax });
  const found: Found[] = [];
  let at = 0;
  for (let piece = 0; at < bytes.length; piece += 1) {
    const size = sizes[piece] ?? bytes.length;
    parser.push(bytes.subarray(at, at + size));
    at += size;
    for (let one = parser.next(at >= bytes.length); one !== null; one = parser.next(at >= bytes.length))
      found.push(one);
  }
  return found;
}

function fieldsOf(text: string): unknown[] {
  return parse(Buffer.from(text)).map((one) => (one.kind === 'record' ? one.fields : one.why));
}

function cell(value: string | null): string {
  if (value === null) return '';
  return value === '' || /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

const cells = fc.oneof(
  fc.constant(null),
  fc.string({ unit: 'binary', maxLength: 8 }).map(wellFormed),
  fc.constantFrom('', '"', '\r\n', ',', 'ä"ö', '\r'),
);
function wellFormed(text: string): string {
  return text.toWellFormed();
}

describe('CsvParser', () => {
  it.each<[string, string, unknown[]]>([
    [
      'plain lines',
      'a,b\n1,2\n',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    [
      'CRLF and no last break',
      'a,b\r\n1,2',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    ['nothing and empty text', 'a,,""\n', [['a', null, '']]],
    [
      'quotes, commas and breaks',
      '"x, ""y""\nz",2\n3,4\n',
      [
        ['x, "y"\nz', '2'],
        ['3', '4'],
      ],
    ],
    ['empty lines', 'a\n\n\r\nb\n', [['a'], ['b']]],
    ['a byte order mark', '\uFEFFa,b\n', [['a', 'b']]],
    ['nothing at all', '', []],
    ['a quote in the middle', 'a\nx"y\nb\n', [['a'], 'a quote inside a field without quotes', ['b']]],
    ['text after a quote', 'a\n"x"y\nb\n', [['a'], 'text after a closing quote', ['b']]],
    ['a quote that never closes', 'a\n"x\nb\nc', [['a'], 'a quote is not closed', ['b'], ['c']]],
  ])('%s', (_, text, expected) => expect(fieldsOf(text)).toEqual(expected));

  it('bytes that are not UTF-8 come back as they are, with their line', () => {
    const bytes = Buffer.concat([Buffer.from('a,"\n"\nb,'), Buffer.from([0xff, 0xfe]), Buffer.from('\r\nc\n')]);
    expect(parse(bytes)).toMatchObject([
      { kind: 'record', line: 1 },
      { kind: 'unreadable', line: 3, bytes: Buffer.from([0x62, 0x2c, 0xff, 0xfe]), why: 'the bytes are not UTF-8' },
      { kind: 'record', line: 4, fields: ['c'] },
    ]);
  });

  it('a record that is too long costs its own line and no more memory', () => {
    const text = `a\n"${'x'.repeat(50)}\n${'y'.repeat(2_000)}"\nb\n`;
    const found = parse(
      Buffer.from(text),
      Array.from({ length: 300 }, () => 10),
      100,
    );
    expect(found[0]).toMatchObject({ fields: ['a'] });
    expect(found[1]).toMatchObject({ kind: 'unreadable', line: 2, why: 'longer than 100 bytes' });
    expect(found.at(-1)).toMatchObject({ fields: ['b'] });
  });

  it('reads back what was written, however the bytes come, and from every record on', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(cells, { minLength: 2, maxLength: 4 }), { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 40 }),
        fc.constantFrom('\n', '\r\n'),
        (rows, sizes, lineBreak) => {
          const bytes = Buffer.from(rows.map((row) => row.map(cell).join(',') + lineBreak).join(''));
          const found = parse(bytes, sizes);
          expect(found.map((one) => (one.kind === 'record' ? one.fields : one.why))).toEqual(rows);
          const middle = found[Math.floor(found.length / 2)];
          if (middle === undefined) return;
          const rest = new CsvParser({ recordBytesMax: 1_000, from: middle.end });
          rest.push(bytes.subarray(middle.end));
          const after = [];
          for (let one = rest.next(true); one !== null; one = rest.next(true)) after.push(one);
          expect(after.map(({ end }) => end)).toEqual(
            found.filter(({ end }) => end > middle.end).map(({ end }) => end),
          );
        },
      ),
    );
  });

  it('never throws and never loses a byte', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 60 }),
        fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 20 }),
        (bytes, sizes) => {
          const ends = parse(Buffer.from(bytes), sizes, 20).map(({ end }) => end);
          expect([...ends].sort((a, b) => a - b)).toEqual(ends);
          const rest = Buffer.from(bytes)
            .subarray(ends.at(-1) ?? 0)
            .toString('latin1');
          expect(rest.replaceAll(/[\r\n]|^\u00ef\u00bb\u00bf/g, '')).toBe('');
        },
      ),
    );
  });
});
