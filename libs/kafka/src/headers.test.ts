import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readHeaders, writeHeaders } from './headers.ts';

const bytes = (...values: number[]): Buffer => Buffer.from(values);

describe('headers', () => {
  it.each([
    ['text stays text', { a: Buffer.from('grün') }, { a: 'grün' }, null],
    ['bytes that are no text are kept', { a: bytes(1, 0xff) }, { a: '\u0001\ufffd' }, { a: [bytes(1, 0xff)] }],
    [
      'a repeated one keeps all, its text is the last',
      { a: [Buffer.from('x'), Buffer.from('y')] },
      { a: 'y' },
      { a: [Buffer.from('x'), Buffer.from('y')] },
    ],
    [
      'the names that kafkajs mistakes for repeated ones',
      { constructor: [Object, Buffer.from('x')] as unknown as Buffer[] },
      { constructor: 'x' },
      null,
    ],
    ['one without a value is left out', { a: undefined, b: [] }, {}, null],
  ])('%s', (_name, wire, headers, rawHeaders) => {
    expect(readHeaders(wire)).toEqual({ headers, rawHeaders });
  });

  it('what was read is written with the same bytes, whatever they are', () => {
    const value = fc.uint8Array({ maxLength: 20 }).map((array) => Buffer.from(array));
    const headers = fc.dictionary(
      fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom('__proto__', 'constructor', 'toString')),
      fc.oneof(value, fc.array(value, { minLength: 2, maxLength: 3 })),
    );
    fc.assert(
      fc.property(headers, (wire) => {
        const { headers: text, rawHeaders } = readHeaders(wire);
        const written = writeHeaders({ headers: text, ...(rawHeaders === null ? {} : { rawHeaders }) }) ?? {};
        const plain = (one: string | Buffer | readonly Buffer[]): string[] =>
          (Array.isArray(one) ? (one as readonly Buffer[]) : [Buffer.from(one as string | Buffer)]).map((b) =>
            b.toString('hex'),
          );
        expect(Object.keys(written)).toEqual(Object.keys(wire));
        for (const name of Object.keys(wire)) expect(plain(written[name] ?? '')).toEqual(plain(wire[name] ?? ''));
      }),
    );
  });
});
