import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readHeaders, writeHeaders } from './headers.ts';
import { decompress } from './wire/decompress.ts';
import { readBatches, type HeaderBytes } from './wire/batch-read.ts';
import { writeBatch } from './wire/batch-write.ts';

const bytes = (...values: number[]): Buffer => Buffer.from(values);
const origin = { producerId: -1n, producerEpoch: 0, firstSequence: 0, isTransactional: false };

/** Headers as they lie in a batch. */
function onWire(headers: Record<string, readonly (Buffer | null)[]>): HeaderBytes {
  const [record] = readBatches(writeBatch([{ key: null, value: null, headers }], origin, 0), decompress).records;
  return record?.headerBytes ?? { bytes: Buffer.alloc(0), at: 0, count: 0 };
}

describe('headers', () => {
  it.each([
    ['none are none', {}, {}, null],
    ['text stays text', { a: [Buffer.from('grün')] }, { a: 'grün' }, null],
    ['bytes that are no text are kept', { a: [bytes(1, 0xff)] }, { a: '\u0001\ufffd' }, { a: [bytes(1, 0xff)] }],
    [
      'a repeated one keeps all, its text is the last',
      { a: [Buffer.from('x'), Buffer.from('y')] },
      { a: 'y' },
      { a: [Buffer.from('x'), Buffer.from('y')] },
    ],
    ['names of what every object has', { constructor: [Buffer.from('x')] }, { constructor: 'x' }, null],
    ['one without a value is kept, and has no text', { a: [null] }, {}, { a: [null] }],
    ['the same twice', { a: [Buffer.from('x'), null] }, {}, { a: [Buffer.from('x'), null] }],
  ])('%s', (_name, wire, headers, rawHeaders) => {
    expect(readHeaders(onWire(wire))).toEqual({ headers, rawHeaders });
  });

  it('what was read is written with the same bytes, whatever they are', () => {
    const value = fc.option(fc.uint8Array({ maxLength: 20 }).map((array) => Buffer.from(array)));
    const headers = fc.dictionary(
      fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('__proto__', 'constructor', 'toString')),
      fc.array(value, { minLength: 1, maxLength: 3 }),
    );
    fc.assert(
      fc.property(headers, (wire) => {
        const { headers: text, rawHeaders } = readHeaders(onWire(wire));
        const written = writeHeaders({ headers: text, ...(rawHeaders === null ? {} : { rawHeaders }) }) ?? {};
        expect(new Set(Object.keys(written))).toEqual(new Set(Object.keys(wire)));
        for (const name of Object.keys(wire)) {
          const found = written[name] ?? [];
          expect(typeof found === 'string' ? [Buffer.from(found)] : found).toEqual(wire[name]);
        }
      }),
    );
  });

  it('ten thousand of them take no longer than ten thousand of anything', () => {
    const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`name-${i}`, [Buffer.from(`v${i}`)]]));
    expect(Object.keys(readHeaders(onWire(many)).headers)).toHaveLength(10_000);
  });
});
