import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unpackLz4 } from './lz4.ts';
import { unpackSnappy } from './snappy.ts';
import { PackedError } from './unpacked.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const max = 1_000_000;

/** Frames and blocks written by hand from the descriptions of the formats; `libs/kafka/test/compressed` has those of a broker. */
describe('unpackSnappy', () => {
  it.each([
    ['nothing', '00', ''],
    ['as it is', '05 10 68656c6c6f', 'hello'],
    ['a repeat with a short distance', '09 08 616263 09 03', 'abcabcabc'],
    ['a repeat of what it adds itself', '08 00 61 0d 01', 'aaaaaaaa'],
    ['a repeat with a distance of two bytes', '06 08 616263 0a 0300', 'abcabc'],
    ['a repeat with a distance of four bytes', '06 08 616263 0b 03000000', 'abcabc'],
    ['a length of its own byte', `3e f0 3d ${'61'.repeat(62)}`, 'a'.repeat(62)],
    ['blocks of snappy-java', '82534e4150505900 00000001 00000001 00000004 02 04 6162 00000003 01 00 63', 'abc'],
  ])('%s', (_name, packed, text) => {
    expect(unpackSnappy(hex(packed), max).toString()).toBe(text);
  });

  it.each([
    ['shorter than it says', '06 10 68656c6c6f'],
    ['cut off', '05 10 6865'],
    ['a distance of nothing', '08 00 61 0d 00'],
    ['a distance to before the beginning', '08 00 61 0d 05'],
    ['longer than is allowed', 'ffffff7f 00 61'],
    ['no length', 'ff'],
    ['a block that ends too late', '82534e4150505900 00000001 00000001 000000ff 00'],
  ])('%s is refused', (_name, packed) => {
    expect(() => unpackSnappy(hex(packed), max)).toThrow(PackedError);
  });
});

describe('unpackLz4', () => {
  const head = '04224d18 60 40 82';
  it.each([
    ['nothing', `${head} 00000000`, ''],
    ['a block that was not packed', `${head} 05000080 68656c6c6f 00000000`, 'hello'],
    ['only literals', `${head} 06000000 50 68656c6c6f 00000000`, 'hello'],
    ['a repeat of what it adds itself', `${head} 06000000 1f 61 0100 01 00 00000000`, 'a'.repeat(21)],
    [
      'several blocks, the second repeats the first',
      `${head} 04000080 61626364 04000000 00 0400 00 00000000`,
      'abcdabcd',
    ],
    ['with the size of the content', '04224d18 68 40 0500000000000000 82 05000080 68656c6c6f 00000000', 'hello'],
    ['with sums of blocks and content', '04224d18 74 40 82 05000080 68656c6c6f 11111111 00000000 22222222', 'hello'],
    ['many literals', `${head} 2a000000 f0 19 ${'62'.repeat(40)} 00000000`, 'b'.repeat(40)],
  ])('%s', (_name, packed, text) => {
    expect(unpackLz4(hex(packed), max).toString()).toBe(text);
  });

  it.each([
    ['another magic', '04224d19 60 40 82 00000000'],
    ['a dictionary', '04224d18 61 40 82 00000000'],
    ['no end', `${head} 05000080 68656c6c6f`],
    ['a block that ends too late', `${head} 50000000 50 6865`],
    ['a distance of nothing', `${head} 05000000 10 61 0000 00 00000000`],
    ['a length without end', `${head} 04000000 f0 ffffff 00000000`],
    ['a sum that is missing', '04224d18 64 40 82 05000080 68656c6c6f 00000000'],
  ])('%s is refused', (_name, packed) => {
    expect(() => unpackLz4(hex(packed), max)).toThrow(PackedError);
  });

  it('more than is allowed is refused before it is there', () => {
    const bomb = hex(`${head} 08010000 1f 61 0100 ${'ff'.repeat(259)} 00 00 00000000`);
    expect(() => unpackLz4(bomb, 1_000)).toThrow('more than 1000 bytes');
  });
});

it.each([
  ['snappy', unpackSnappy],
  ['LZ4', unpackLz4],
] as const)('%s: whatever the bytes are, it gives bytes or refuses them', (_name, unpack) => {
  const heads = [Buffer.alloc(0), hex('04224d18 60 40 82'), hex('82534e4150505900 00000001 00000001')];
  fc.assert(
    fc.property(fc.constantFrom(...heads), fc.uint8Array({ maxLength: 60 }), (head, rest) => {
      try {
        expect(unpack(Buffer.concat([head, rest]), max).length).toBeLessThanOrEqual(max);
      } catch (error) {
        expect(error).toBeInstanceOf(PackedError);
      }
    }),
    { numRuns: 2_000 },
  );
});
