import { PackedError, Unpacked } from './unpacked.ts';

const magic = 0x184d2204;
/** Bits of a frame's first byte: what else comes with blocks and frame. */
const [dictionaryBit, contentSumBit, contentSizeBit, blockSumBit] = [0x01, 0x04, 0x08, 0x10];
/** Bit of a block's length: it was not packed. */
const plainBit = 0x80000000;

/**
 * Unpacks an LZ4 frame (lz4/lz4, lz4_Frame_format.md and lz4_Block_format.md). Checksums are not looked at: the batch has one of its own.
 * Throws PackedError.
 */
export function unpackLz4(packed: Buffer, bytesMax: number): Buffer {
  const out = new Unpacked(Math.min(bytesMax, packed.length * 4), bytesMax);
  let at = readHead(packed);
  const blockSumBytes = (packed.readUInt8(4) & blockSumBit) === 0 ? 0 : 4;
  for (;;) {
    const length = readUInt32(packed, at);
    at += 4;
    if (length === 0) break;
    const end = at + (length & ~plainBit);
    if (end > packed.length) throw new PackedError('it ends too early');
    if ((length & plainBit) === 0) unpackBlock(packed, at, end, out);
    else out.add(packed, at, end - at);
    at = end + blockSumBytes;
  }
  if (at + ((packed.readUInt8(4) & contentSumBit) === 0 ? 0 : 4) > packed.length)
    throw new PackedError('it ends too early');
  return out.bytes;
}

/** Where the first block begins. */
function readHead(packed: Buffer): number {
  if (packed.length < 7 || packed.readUInt32LE(0) !== magic) throw new PackedError('it is no frame of LZ4');
  const flags = packed.readUInt8(4);
  if ((flags & dictionaryBit) !== 0) throw new PackedError('it needs a dictionary');
  return (flags & contentSizeBit) === 0 ? 7 : 15;
}

function unpackBlock(packed: Buffer, from: number, end: number, out: Unpacked): void {
  let at = from;
  const readMore = (length: number): number => {
    let sum = length;
    if (length < 15) return sum;
    for (let byte = 255; byte === 255; at += 1) {
      if (at >= end) throw new PackedError('a length does not end');
      byte = packed.readUInt8(at);
      sum += byte;
    }
    return sum;
  };
  while (at < end) {
    const token = packed.readUInt8(at);
    at += 1;
    const literals = readMore(token >> 4);
    if (at + literals > end) throw new PackedError('it ends too early');
    out.add(packed, at, literals);
    at += literals;
    // The last sequence of a block has nothing to repeat.
    if (at >= end) return;
    if (at + 2 > end) throw new PackedError('it ends too early');
    const distance = packed.readUInt16LE(at);
    at += 2;
    out.repeat(distance, readMore(token & 15) + 4);
  }
}

function readUInt32(packed: Buffer, at: number): number {
  if (at + 4 > packed.length) throw new PackedError('it ends too early');
  return packed.readUInt32LE(at);
}
