const multiplier = 0x5bd1e995;

/**
 * MurmurHash2, 32 bits, seed 0x9747b28c, as `org.apache.kafka.common.utils.Utils.murmur2` (A. Appleby, 2008). Signed result.
 *
 * @example murmur2(Buffer.from('21')) === -973932308
 */
export function murmur2(data: Uint8Array): number {
  const length = data.length;
  let hash = 0x9747b28c ^ length;
  const words = length >>> 2;
  const byte = (index: number): number => data[index] ?? 0;
  for (let word = 0; word < words; word++) {
    const at = word * 4;
    let k = byte(at) | (byte(at + 1) << 8) | (byte(at + 2) << 16) | (byte(at + 3) << 24);
    k = Math.imul(k, multiplier);
    k ^= k >>> 24;
    hash = Math.imul(hash, multiplier) ^ Math.imul(k, multiplier);
  }
  const tail = length & ~3;
  const rest = length & 3;
  if (rest === 3) hash ^= byte(tail + 2) << 16;
  if (rest >= 2) hash ^= byte(tail + 1) << 8;
  if (rest >= 1) hash = Math.imul(hash ^ byte(tail), multiplier);
  return finish(hash);
}

function finish(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 13), multiplier);
  return mixed ^ (mixed >>> 15);
}

/** `murmur2` of the UTF-8 bytes of a text; ASCII, which keys mostly are, without making them. */
function murmur2Text(text: string): number {
  const { length } = text;
  let hash = 0x9747b28c ^ length;
  const tail = length & ~3;
  let seen = 0;
  for (let at = 0; at < tail; at += 4) {
    const a = text.charCodeAt(at);
    const b = text.charCodeAt(at + 1);
    const c = text.charCodeAt(at + 2);
    const d = text.charCodeAt(at + 3);
    seen |= a | b | c | d;
    const k = Math.imul(a | (b << 8) | (c << 16) | (d << 24), multiplier);
    hash = Math.imul(hash, multiplier) ^ Math.imul(k ^ (k >>> 24), multiplier);
  }
  let rest = 0;
  for (let at = length - 1; at >= tail; at -= 1) {
    const code = text.charCodeAt(at);
    seen |= code;
    rest = (rest << 8) | code;
  }
  if (seen > 127) return murmur2(Buffer.from(text));
  return finish(tail === length ? hash : Math.imul(hash ^ rest, multiplier));
}

/** Partition that the Java client's default partitioner gives a key: `(murmur2(key) & 0x7fffffff) % partitions`. */
export function keyPartition(key: string, partitions: number): number {
  return partitions === 1 ? 0 : (murmur2Text(key) & 0x7fffffff) % partitions;
}
