import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { kafkaError } from '../errors.ts';

/** Most bytes of one batch once it is unpacked: a megabyte on the wire can become a thousand. */
const unpackedBytesMax = 128 * 1_048_576;
const names = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

/** Unpacks the records of a batch; `codec` as in its attributes. */
export function decompress(codec: number, bytes: Buffer): Buffer {
  try {
    if (codec === 1) return gunzipSync(bytes, { maxOutputLength: unpackedBytesMax });
    if (codec === 4) return zstdDecompressSync(bytes, { maxOutputLength: unpackedBytesMax });
  } catch (error) {
    throw kafkaError(
      'batchCompressed',
      `records compressed with ${names[codec] ?? ''} cannot be unpacked, or would be more than ${unpackedBytesMax} bytes`,
      error,
    );
  }
  throw kafkaError(
    'batchCompressed',
    `records are compressed with ${names[codec] ?? `codec ${codec}`}, which is not read here; let the producer, or compression.type of the topic, say gzip, zstd or none`,
  );
}
