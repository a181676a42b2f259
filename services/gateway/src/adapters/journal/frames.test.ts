import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeFrames, encodeFrame, firstFrameBytes, type JournalRecord } from './frames.ts';

const record: fc.Arbitrary<JournalRecord> = fc.record({
  stream: fc.constantFrom('served', 'shadowed'),
  timestampMs: fc.nat(),
  key: fc.string({ unit: 'grapheme', maxLength: 20 }),
  value: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
});
const records = fc.array(record, { maxLength: 10 });

describe('frames', () => {
  it('give back what was written, whole records only, wherever the bytes end', () => {
    fc.assert(
      fc.property(records, fc.double({ min: 0, max: 1, noNaN: true }), (written, share) => {
        const frames = written.map(encodeFrame);
        const all = Buffer.concat(frames);
        const cut = Math.floor(share * all.length);
        let whole = 0;
        let wholeBytes = 0;
        for (const frame of frames) {
          if (wholeBytes + frame.length > cut) break;
          whole += 1;
          wholeBytes += frame.length;
        }
        const read = decodeFrames(all.subarray(0, cut));
        expect(read).toEqual({ records: written.slice(0, whole), bytes: wholeBytes, isTorn: false });
        if (wholeBytes < cut - 8) expect(firstFrameBytes(all.subarray(wholeBytes, cut))).toBe(frames[whole]?.length);
      }),
    );
  });

  it('end at the first bit that is wrong, and never give a record that was not written', () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 5 }), fc.nat(), (written, place) => {
        const bytes = Buffer.concat(written.map(encodeFrame));
        const bit = place % (bytes.length * 8);
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const read = decodeFrames(bytes);
        expect(read.records.length).toBeLessThan(written.length);
        expect(read.records).toEqual(written.slice(0, read.records.length));
      }),
    );
  });

  it('are not read from what was never one', () => {
    expect(decodeFrames(Buffer.alloc(64))).toEqual({ records: [], bytes: 0, isTorn: true });
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => decodeFrames(Buffer.from(bytes)).bytes === 0));
  });
});
