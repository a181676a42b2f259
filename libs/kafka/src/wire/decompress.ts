import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { kafkaError } from '../errors.ts';
import { unpackLz4 } from './lz4.ts';
import { unpackSnappy } from './snappy.ts';

/** Most bytes of one batch once it is unpacked: a megabyte on the wire can become a thousand. */
const unpackedBytesMax = 128 * 1_048_576;

/** By the number in a batch's attributes. */
const codecs: Readonly<Record<number, readonly [name: string, unpack: (packed: Buffer) => Buffer]>> = {
  1: ['gzip', (packed) => gunzipSync(packed, { maxOutputLength: unpackedBytesMax })],
  2: ['snappy', (packed) => unpackSnappy(packed, unpackedBytesMax)],
  3: ['LZ4', (packed) => unpackLz4(packed, unpackedBytesMax)],
  4: ['zstd', (packed) => zstdDecompressSync(packed, { maxOutputLength: unpackedBytesMax })],
};

/** Unpacks the records of a batch; `codec` as in its attributes. */
export function decompress(codec: number, packed: Buffer): Buffer {
  const [name, unpack] = codecs[codec] ?? [`codec ${codec}`, null];
  if (unpack === null)
    throw kafkaError(
      'batchCompressed',
      `records are compressed with ${name}, which is not read here; let the producer say gzip, snappy, lz4, zstd or none`,
    );
  try {
    return unpack(packed);
  } catch (error) {
    throw kafkaError(
      'batchCompressed',
      `records compressed with ${name} cannot be unpacked, or would be more than ${unpackedBytesMax} bytes`,
      error,
    );
  }
}
