import { createRequire } from 'node:module';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readHeaders } from '../headers.ts';
import { readBatches } from './batch-read.ts';
import { writeBatch, type BatchMessage, type BatchOrigin } from './batch-write.ts';
import { crc32c } from './crc32c.ts';
import { decompress } from './decompress.ts';

/** kafkajs's own code for the same bytes, written independently of ours. */
const require = createRequire(import.meta.url);
const KafkajsDecoder = require('kafkajs/src/protocol/decoder.js') as new (bytes: Buffer) => object;
const kafkajsBatch = require('kafkajs/src/protocol/recordBatch/v0/decoder.js') as (decoder: object) => Promise<{
  readonly producerId: string;
  readonly inTransaction: boolean;
  readonly records: readonly {
    readonly offset: string;
    readonly timestamp: string;
    readonly key: Buffer | null;
    readonly value: Buffer | null;
    readonly headers: Record<string, Buffer | readonly Buffer[]>;
  }[];
}>;
const kafkajsCrc = require('kafkajs/src/protocol/recordBatch/crc32C/index.js') as (bytes: Buffer) => number;

const nowMs = 1_767_225_600_000;
const origin: BatchOrigin = { producerId: 77n, producerEpoch: 3, firstSequence: 12, isTransactional: true };

const data = fc.option(
  fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    fc.string({ unit: 'grapheme' }),
  ),
);
const message = fc.record({
  key: data,
  value: data,
  headers: fc.option(fc.dictionary(fc.constantFrom('a', 'bé', 'c'), fc.string({ unit: 'grapheme' })), {
    nil: undefined,
  }),
  timestamp: fc.option(fc.integer({ min: 0, max: 4e12 }).map(String), { nil: undefined }),
});
const messages = fc.array(message, { minLength: 1, maxLength: 30 });

const asBuffer = (one: string | Buffer | null | undefined): Buffer | null =>
  one === null || one === undefined ? null : Buffer.from(one);
const timeOf = ({ timestamp }: BatchMessage): number => Number(timestamp ?? nowMs);

/** A batch whose records are packed, as other producers send them. */
function packed(sent: readonly BatchMessage[], codec: number, pack: (bytes: Buffer) => Buffer): Buffer {
  const plain = writeBatch(sent, origin, nowMs);
  const batch = Buffer.concat([plain.subarray(0, 61), pack(plain.subarray(61))]);
  batch.writeInt32BE(batch.length - 12, 8);
  batch.writeInt16BE(batch.readInt16BE(21) | codec, 21);
  batch.writeUInt32BE(crc32c(batch, 21), 17);
  return batch;
}

describe('a batch', () => {
  it('that was written is read with the same records', () => {
    fc.assert(
      fc.property(messages, fc.bigInt({ min: 0n, max: 2n ** 53n }), (sent, firstOffset) => {
        const bytes = writeBatch(sent, origin, nowMs);
        bytes.writeBigInt64BE(firstOffset, 0);
        const { records, nextOffset } = readBatches(bytes, decompress);
        expect(nextOffset).toBe(firstOffset + BigInt(sent.length));
        expect(records.map(({ key, value, position, timestampMs }) => ({ key, value, position, timestampMs }))).toEqual(
          sent.map((one, i) => ({
            key: asBuffer(one.key),
            value: asBuffer(one.value),
            position: firstOffset + BigInt(i),
            timestampMs: timeOf(one),
          })),
        );
        expect(records.map(({ headerBytes }) => readHeaders(headerBytes).headers)).toEqual(
          sent.map(({ headers }) => headers ?? {}),
        );
        expect(records[0]?.context).toMatchObject({ producerId: 77n, inTransaction: true, isControl: false });
      }),
    );
  });

  it('that was written is what kafkajs reads, and its checksum is what kafkajs computes', async () => {
    await fc.assert(
      fc.asyncProperty(messages, async (sent) => {
        const bytes = writeBatch(sent, origin, nowMs);
        expect(bytes.readUInt32BE(17)).toBe(kafkajsCrc(bytes.subarray(21)));
        const read = await kafkajsBatch(new KafkajsDecoder(bytes));
        expect([read.producerId, read.inTransaction]).toEqual(['77', true]);
        expect(read.records.map(({ key, value, timestamp }) => [key, value, Number(timestamp)])).toEqual(
          sent.map((one) => [asBuffer(one.key), asBuffer(one.value), timeOf(one)]),
        );
        expect(read.records.map(({ headers }) => Object.entries(headers).map(([k, v]) => [k, String(v)]))).toEqual(
          sent.map(({ headers }) => Object.entries(headers ?? {})),
        );
      }),
      { numRuns: 50 },
    );
  });

  it('keeps headers that are repeated, binary, empty or null', () => {
    const headers = { a: [Buffer.from([0xff]), null, Buffer.alloc(0)], b: 'text' };
    const { records } = readBatches(writeBatch([{ value: null, headers }], origin, nowMs), decompress);
    const [record] = records;
    expect(record === undefined ? null : readHeaders(record.headerBytes)).toEqual({
      headers: { a: '', b: 'text' },
      rawHeaders: { a: headers.a },
    });
  });

  it('of more records than a call has arguments is read', () => {
    const sent = Array.from({ length: 200_000 }, () => ({ key: null, value: null }));
    expect(readBatches(writeBatch(sent, origin, nowMs), decompress).records).toHaveLength(200_000);
  });

  it('that compaction has emptied moves the position all the same', () => {
    const bytes = writeBatch([], origin, nowMs);
    bytes.writeBigInt64BE(40n, 0);
    bytes.writeInt32BE(4, 23);
    expect(readBatches(bytes, decompress)).toEqual({ records: [], nextOffset: 45n });
  });

  it('that was cut off is left for the next fetch, wherever the cut is', () => {
    const sent = [{ key: 'k', value: 'v', headers: { a: 'b' } }];
    const bytes = Buffer.concat([writeBatch(sent, origin, nowMs), writeBatch(sent, origin, nowMs)]);
    const whole = bytes.length / 2;
    for (let length = 0; length < bytes.length; length++) {
      const { records, nextOffset } = readBatches(bytes.subarray(0, length), decompress);
      expect([records.length, nextOffset]).toEqual(length < whole ? [0, null] : [1, 1n]);
    }
  });

  it.each([
    ['gzip', 1, (bytes: Buffer) => gzipSync(bytes)],
    ['zstd', 4, (bytes: Buffer) => zstdCompressSync(bytes)],
  ] as const)('compressed with %s is unpacked', (_name, codec, pack) => {
    const sent = Array.from({ length: 100 }, (_, i) => ({ key: `k${i}`, value: `value ${i}` }));
    const { records, nextOffset } = readBatches(packed(sent, codec, pack), decompress);
    expect(records.map(({ value }) => String(value))).toEqual(sent.map(({ value }) => value));
    expect(nextOffset).toBe(100n);
  });

  it.each([
    ['a codec that nobody knows', 5, (bytes: Buffer) => bytes, /compressed with codec 5, which is not read here/],
    ['torn snappy', 2, (bytes: Buffer) => bytes.subarray(1), /snappy cannot be unpacked/],
    ['torn gzip', 1, (bytes: Buffer) => gzipSync(bytes).subarray(0, 15), /gzip cannot be unpacked/],
    ['a bomb', 1, () => gzipSync(Buffer.alloc(129 * 1_048_576)), /more than 134217728 bytes/],
  ] as const)('%s: says so', (_name, codec, pack, message) => {
    expect(() => readBatches(packed([{ value: 'v' }], codec, pack), decompress)).toThrow(message);
  });

  it('of bytes that contradict themselves throws and neither hangs nor reads on', () => {
    const bytes = writeBatch(
      [
        { key: 'key', value: 'value', headers: { a: 'b' } },
        { key: null, value: 'x' },
      ],
      origin,
      nowMs,
    );
    fc.assert(
      fc.property(fc.nat(bytes.length - 62), fc.nat(255), (at, byte) => {
        const broken = Buffer.from(bytes);
        broken[61 + at] = byte;
        try {
          for (const { headerBytes } of readBatches(broken, decompress).records) readHeaders(headerBytes);
        } catch (error) {
          expect(error).toMatchObject({ code: 'EVL_KAFKA_BATCH_MALFORMED' });
        }
      }),
    );
  });
});

describe('crc32c', () => {
  it.each([
    // RFC 3720, appendix B.4
    ['32 zeros', Buffer.alloc(32), 0x8a9136aa],
    ['32 ones', Buffer.alloc(32, 0xff), 0x62a8ab43],
    ['ascending', Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e],
    ['the check value', Buffer.from('123456789'), 0xe3069283],
    ['nothing', Buffer.alloc(0), 0],
  ])('%s', (_name, bytes, sum) => {
    expect(crc32c(bytes)).toBe(sum);
  });

  it('of a part is that of its copy', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), fc.nat(100), (array, a, b) => {
        const [from, to] = [Math.min(a, b, array.length), Math.min(Math.max(a, b), array.length)];
        expect(crc32c(array, from, to)).toBe(kafkajsCrc(Buffer.from(array.slice(from, to))));
      }),
    );
  });
});
