/** Castagnoli's polynomial, bits reversed (RFC 3720, appendix B.4). */
const polynomial = 0x82f63b78;

/** Bytes of one table of 256 numbers. */
const tableBytes = 1_024;
/** Eight tables: number k gives what a byte does to the sum k bytes later. Read without bounds that TypeScript would ask for. */
const tables = makeTables();

function makeTables(): DataView {
  const made = new DataView(new ArrayBuffer(8 * tableBytes));
  for (let byte = 0; byte < 256; byte += 1) {
    let sum = byte;
    for (let bit = 0; bit < 8; bit += 1) sum = (sum >>> 1) ^ (sum & 1 ? polynomial : 0);
    made.setInt32(byte * 4, sum, true);
  }
  for (let at = tableBytes; at < made.byteLength; at += 4) {
    const before = made.getInt32(at - tableBytes, true);
    made.setInt32(at, (before >>> 8) ^ made.getInt32((before & 0xff) * 4, true), true);
  }
  return made;
}

/**
 * CRC-32C of `bytes` from `from` to `to`, as Kafka wants it of a batch. Eight bytes at a time (Kounavis and Berry, "A Systematic Approach to
 * Building High Performance Software-Based CRC Generators", 2005): several times as fast as byte by byte.
 *
 * @example crc32c(Buffer.from('123456789')) // 0xe3069283
 */
export function crc32c(bytes: Uint8Array, from = 0, to = bytes.length): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const t = tables;
  let sum = -1;
  let at = from;
  for (const end = to - 7; at < end; at += 8) {
    const low = sum ^ view.getInt32(at, true);
    const high = view.getInt32(at + 4, true);
    sum =
      t.getInt32(7 * tableBytes + (low & 0xff) * 4, true) ^
      t.getInt32(6 * tableBytes + ((low >>> 8) & 0xff) * 4, true) ^
      t.getInt32(5 * tableBytes + ((low >>> 16) & 0xff) * 4, true) ^
      t.getInt32(4 * tableBytes + (low >>> 24) * 4, true) ^
      t.getInt32(3 * tableBytes + (high & 0xff) * 4, true) ^
      t.getInt32(2 * tableBytes + ((high >>> 8) & 0xff) * 4, true) ^
      t.getInt32(tableBytes + ((high >>> 16) & 0xff) * 4, true) ^
      t.getInt32((high >>> 24) * 4, true);
  }
  for (; at < to; at += 1) sum = (sum >>> 8) ^ t.getInt32(((sum ^ view.getUint8(at)) & 0xff) * 4, true);
  return (sum ^ -1) >>> 0;
}
