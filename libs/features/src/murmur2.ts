/**
 * MurmurHash2, 32 bits, seed 0x9747b28c, as `org.apache.kafka.common.utils.Utils.murmur2` (A. Appleby, 2008). Signed result.
 *
 * @example murmur2(Buffer.from('21')) === -973932308
 */
export function murmur2(data: Uint8Array): number {
  const length = data.length;
  const multiplier = 0x5bd1e995;
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
  hash ^= hash >>> 13;
  hash = Math.imul(hash, multiplier);
  return hash ^ (hash >>> 15);
}

/** Partition that the Java client's default partitioner gives a key: `(murmur2(key) & 0x7fffffff) % partitions`. */
export function keyPartition(key: string, partitions: number): number {
  return partitions === 1 ? 0 : (murmur2(Buffer.from(key)) & 0x7fffffff) % partitions;
}
