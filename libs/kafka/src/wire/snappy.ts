import { PackedError, Unpacked } from './unpacked.ts';

/** How snappy-java, and so Kafka's own producer, begins: then version and compatible version, and blocks with their lengths. */
const javaMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
const javaHeadBytes = 16;

/** Unpacks Snappy, plain (google/snappy, format_description.txt) or in the blocks of snappy-java. Throws PackedError. */
export function unpackSnappy(packed: Buffer, bytesMax: number): Buffer {
  if (!packed.subarray(0, javaMagic.length).equals(javaMagic)) return unpackPlain(packed, bytesMax);
  const blocks: Buffer[] = [];
  let left = bytesMax;
  for (let at = javaHeadBytes; at < packed.length;) {
    if (at + 4 > packed.length) throw new PackedError('it ends too early');
    const start = at + 4;
    at = start + packed.readInt32BE(at);
    if (at < start || at > packed.length) throw new PackedError('it ends too early');
    const block = unpackPlain(packed.subarray(start, at), left);
    left -= block.length;
    blocks.push(block);
  }
  return Buffer.concat(blocks);
}

function unpackPlain(packed: Buffer, bytesMax: number): Buffer {
  const [length, begin] = readLength(packed);
  const out = new Unpacked(length, bytesMax);
  for (let at = begin; at < packed.length;) {
    const tag = packed.readUInt8(at);
    const kind = tag & 3;
    if (kind === 0) {
      // Up to 60 bytes as they are, or a longer length in one to four bytes.
      const lengthBytes = Math.max(0, (tag >> 2) - 59);
      const count = (lengthBytes === 0 ? tag >> 2 : readLittle(packed, at + 1, lengthBytes)) + 1;
      out.add(packed, at + 1 + lengthBytes, count);
      at += 1 + lengthBytes + count;
    } else if (kind === 1) {
      out.repeat(((tag >> 5) << 8) | readLittle(packed, at + 1, 1), ((tag >> 2) & 7) + 4);
      at += 2;
    } else {
      const distanceBytes = kind === 2 ? 2 : 4;
      out.repeat(readLittle(packed, at + 1, distanceBytes), (tag >> 2) + 1);
      at += 1 + distanceBytes;
    }
  }
  if (out.bytes.length !== length) throw new PackedError('it is not as long as it says');
  return out.bytes;
}

/** The length of what was packed, seven bits a byte, and where the packed bytes begin. */
function readLength(packed: Buffer): readonly [length: number, begin: number] {
  let length = 0;
  for (let at = 0; at < Math.min(5, packed.length); at += 1) {
    const byte = packed.readUInt8(at);
    length += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) return [length, at + 1];
  }
  throw new PackedError('its length does not end');
}

function readLittle(packed: Buffer, at: number, bytes: number): number {
  if (at + bytes > packed.length) throw new PackedError('it ends too early');
  return packed.readUIntLE(at, bytes);
}
